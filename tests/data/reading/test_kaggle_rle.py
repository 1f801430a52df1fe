"""Run lengths against a reader that follows the competitions' words pixel by pixel."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from kerasseg.data.reading.drawn.kaggle_rle import (
    COLUMNS,
    ROWS,
    decode,
    encode,
    read_table,
)

MASK = np.array([[0, 1], [1, 1], [0, 0]])


def naive(runs: str, size: tuple[int, int], order) -> np.ndarray:
    height, width = size
    mask = np.zeros(size, bool)
    numbers = [int(word) for word in runs.split()]
    for start, length in zip(numbers[::2], numbers[1::2], strict=True):
        for pixel in range(start - 1, start - 1 + length):
            if order == COLUMNS:  # from top to bottom, then left to right
                mask[pixel % height, pixel // height] = True
            else:  # from left to right, then top to bottom
                mask[pixel // width, pixel % width] = True
    return mask


def test_the_same_mask_in_both_orders():
    assert encode(MASK, COLUMNS) == "2 1 4 2"
    assert encode(MASK, ROWS) == "2 3"
    np.testing.assert_array_equal(decode("2 1 4 2", (3, 2), COLUMNS), MASK)
    np.testing.assert_array_equal(decode("2 3", (3, 2), ROWS), MASK)
    assert not np.array_equal(decode("2 3", (3, 2), COLUMNS), MASK)


@settings(deadline=None, max_examples=25)
@given(
    arrays.arrays(bool, st.tuples(st.integers(1, 9), st.integers(1, 9))),
    st.sampled_from([COLUMNS, ROWS]),
)
def test_there_and_back(mask, order):
    runs = encode(mask, order)
    np.testing.assert_array_equal(naive(runs, mask.shape, order), mask)
    decoded = decode(runs, mask.shape, order)
    assert decoded.dtype == bool
    np.testing.assert_array_equal(decoded, mask)
    numbers = [int(word) for word in runs.split()]  # no run begins where one ends
    stops = [a + b for a, b in zip(numbers[::2], numbers[1::2], strict=True)]
    assert all(a < b for a, b in zip(stops, numbers[2::2], strict=False))


def test_runs_that_follow_each_other():
    expected = [[0, 1, 1], [1, 1, 0]]
    np.testing.assert_array_equal(decode("2 1 3 3", (2, 3), ROWS), expected)
    assert not decode("", (2, 3), ROWS).any()


@settings(deadline=None, max_examples=25)
@given(st.lists(st.integers(-2, 14), max_size=6), st.sampled_from([COLUMNS, ROWS]))
def test_any_numbers_are_read_right_or_refused(numbers, order):
    text = " ".join(map(str, numbers))
    starts, lengths = numbers[::2], numbers[1::2]
    stops = [a + b for a, b in zip(starts, lengths, strict=False)]
    valid = (
        len(numbers) % 2 == 0
        and all(a >= 1 and b >= 1 for a, b in zip(starts, lengths, strict=True))
        and all(stop <= 13 for stop in stops)
        and all(a <= b for a, b in zip(stops, starts[1:], strict=False))
    )
    if valid:
        expected = naive(text, (3, 4), order)
        np.testing.assert_array_equal(decode(text, (3, 4), order), expected)
    else:
        with pytest.raises(ValueError, match="Run"):
            decode(text, (3, 4), order)


@pytest.mark.parametrize(
    ("runs", "message"),
    [
        ("1 2 3", "pairs 'start length', got 3 numbers: '1 2 3'"),
        ("1 two", "whole numbers, got '1 two'"),
        ("0 2", r"'0 2' is not inside an image of 3 x 4"),
        ("1 0", "'1 0' is not inside"),
        ("12 2", "'12 2' is not inside"),
        ("9223372036854775807 9223372036854775807", "is not inside"),
        ("-9223372036854775808 1", "is not inside"),
        ("99999999999999999999 1", "whole numbers"),
        ("1 3 3 2", "'3 2' begins before the run before it ends"),
        ("5 2 1 2", "'1 2' begins before"),
    ],
)
def test_wrong_runs(runs, message):
    with pytest.raises(ValueError, match=message):
        decode(runs, (3, 4), COLUMNS)


def test_read_table(tmp_path):
    file = tmp_path / "runs.csv"
    file.write_text("\ufeffImageId,EncodedPixels\na,1 2\n\nb,\n", encoding="utf-8")
    rows = read_table(file, ("ImageId", "EncodedPixels"))
    assert [(line, row["ImageId"]) for line, row in rows] == [(2, "a"), (4, "b")]
    with pytest.raises(ValueError, match=r"runs.csv has no column 'img'"):
        read_table(file, ("img",))
    file.write_text("ImageId,EncodedPixels\na,1 2\nb")
    with pytest.raises(ValueError, match=r"runs.csv line 3 is cut short"):
        read_table(file, ("ImageId", "EncodedPixels"))
    file.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ValueError, match=r"runs.csv is not a CSV file"):
        read_table(file, ("img",))
