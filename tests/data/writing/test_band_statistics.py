"""Statistics of bands: NumPy's of all values together, whoever counted which part."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kerasseg.data.sample import Sample
from kerasseg.data.writing import band_statistics
from kerasseg.data.writing.band_statistics import add_bands, counter

REAL = {
    "uint8": st.integers(0, 255),
    "uint16": st.integers(0, 65535),
    "int16": st.integers(-32768, 32767),
    "float32": st.floats(width=32, allow_nan=False, allow_infinity=False),
}


def numpys(values):
    wide = values.astype(np.longdouble)
    low, high = np.percentile(wide, [0.5, 99.5])
    return [wide.min(), wide.max(), wide.mean(), wide.std(), low, high]


def listed(found):
    return [*vars(found).values()]


def counted(type, parts):
    made = counter(type)
    for part in parts:
        made.add(np.array(part, type))
    return made


@given(st.data())
@settings(deadline=None, max_examples=60)
def test_numpys_numbers_in_any_order_and_parts(data):
    type = data.draw(st.sampled_from([*REAL]))
    parts = data.draw(st.lists(st.lists(REAL[type], max_size=30), max_size=4))
    whole = np.array([value for part in parts for value in part], type)
    made = counted(type, parts)
    other = counter(type)
    for part in reversed(parts):  # each in its own shard, through its note
        note = json.loads(json.dumps(counted(type, [part]).to_json()))
        other.merge(counter(type, note))
    assert made.statistics() == other.statistics()
    if not whole.size:
        assert made.statistics() is None
        return
    size = float(np.abs(whole.astype(np.float64)).max())
    np.testing.assert_allclose(
        np.array(listed(made.statistics()), float),
        np.array(numpys(whole), float),
        rtol=1e-9,
        atol=1e-12 * size,
    )


RNG = np.random.default_rng(0)
UGLY = {
    "narrow, far from 0": RNG.uniform(1000, 1010, 200_000),
    "around 0": RNG.standard_normal(200_000),
    "heavy tails": RNG.standard_cauchy(200_000) ** 3,
    "reflectance": RNG.gamma(2, 0.05, 200_000),
    "two heaps": np.append(
        RNG.normal(-1e6, 3, 100_000), RNG.normal(1e-6, 1e-8, 100_000)
    ),
    "one far outlier": np.append(RNG.uniform(0, 1, 199_999), 3e38),
    "mostly one value": np.where(RNG.random(200_000) < 0.99, 0, RNG.random(200_000)),
}


@pytest.mark.parametrize("name", UGLY)
def test_percentiles_of_ugly_floats(name):
    """Off by less than 1 / 1000 of the span between them, or of the value itself."""
    values = UGLY[name].astype(np.float32)
    made = counted("float32", np.array_split(values, 7))
    found, right = made.statistics(), numpys(values)
    assert len(made.keys) <= band_statistics.MOST_BINS
    np.testing.assert_allclose(listed(found)[:4], np.array(right[:4], float), rtol=1e-6)
    span = float(right[5] - right[4])
    for got, expected in ((found.low, right[4]), (found.high, right[5])):
        assert abs(got - float(expected)) <= 1e-3 * max(span, abs(float(expected)))


def test_a_float_that_takes_all_values_is_off_by_a_64th_at_most():
    bits = RNG.integers(0, 1 << 32, 400_000, np.uint32)
    values = bits.view(np.float32)[np.isfinite(bits.view(np.float32))]
    found, right = counted("float32", [values]).statistics(), numpys(values)
    assert found.low == pytest.approx(float(right[4]), rel=1 / 64)
    assert found.high == pytest.approx(float(right[5]), rel=1 / 64)


def test_the_order_does_not_matter_once_bins_are_wide():
    parts = np.array_split(UGLY["heavy tails"].astype(np.float32), 5)
    first = counted("float32", parts)
    second = counter("float32")
    for part in parts[::-1]:
        second.merge(counted("float32", [part]))
    assert first.to_json() == second.to_json()


@pytest.mark.parametrize("type", REAL)
def test_a_constant_has_no_deviation(type):
    found = counted(type, [[100] * 7, [100] * 3]).statistics()
    assert listed(found) == [100, 100, 100, 0, 100, 100]


def test_what_is_not_valid_does_not_count():
    image = np.arange(24, dtype=np.int16).reshape(3, 4, 2)
    valid = np.zeros((3, 4), bool)
    counters = [counter("int16"), counter("int16")]
    add_bands(counters, Sample("none", image, image[..., 0], valid=valid))
    assert [c.statistics() for c in counters] == [None, None]
    valid[1:] = True
    add_bands(counters, Sample("some", image, image[..., 0], valid=valid))
    assert [c.statistics().smallest for c in counters] == [8, 9]
    assert [c.statistics().mean for c in counters] == [15, 16]


def test_notes_of_shards_are_small():
    noisy = RNG.integers(0, 4096, 1_000_000).astype(np.uint16)
    assert len(json.dumps(counted("uint16", [noisy]).to_json())) < 20_000
    assert len(json.dumps(counted("float32", [UGLY["around 0"]]).to_json())) < 200_000
