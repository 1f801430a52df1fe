"""Division into train and val by the hash of names."""

import hashlib

import pytest

from kerasseg.data.reading.pairing.divide import divide


def test_groups_stay_whole_and_order_stays():
    entries = [f"{group}{view}" for group in "abcde" for view in range(3)]
    splits = divide(entries, 0.4, lambda entry: entry[0])
    chosen = sorted("abcde", key=lambda g: hashlib.sha256(g.encode()).hexdigest())[:2]
    assert splits["val"] == [e for e in entries if e[0] in chosen]
    assert splits["train"] == [e for e in entries if e[0] not in chosen]
    backwards = divide(entries[::-1], 0.4, lambda entry: entry[0])
    assert sorted(backwards["val"]) == splits["val"]


def test_none_and_too_few():
    assert divide([1, 2], 0, str) == {"train": [1, 2]}
    assert len(divide([1, 2], 0.01, str)["val"]) == 1
    with pytest.raises(ValueError, match=r"1 images .* cannot be divided"):
        divide([1], 0.2, str)
    with pytest.raises(ValueError, match="--val-share must be at least 0 and below 1"):
        divide([1, 2], 1, str)
