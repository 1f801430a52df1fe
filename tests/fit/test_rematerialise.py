"""Where a chain of steps is cut, against all ways to cut it."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kerasseg.fit import rematerialise

pytestmark = pytest.mark.agnostic


def price(bounds, sizes, ends):
    """What is kept at the bounds, and the largest inside of a piece."""
    pieces = list(itertools.pairwise(bounds))
    inside = max(sum(sizes[begin:end]) for begin, end in pieces)
    kept = {i for end in bounds[1:-1] for i in range(end) if ends[i] >= end}
    return sum(sizes[i] for i in kept) + inside


@given(
    st.lists(st.tuples(st.integers(1, 20), st.integers(1, 4)), min_size=1, max_size=8)
)
@settings(deadline=None, max_examples=25)
def test_no_way_to_cut_takes_less(steps):
    sizes = [size for size, _ in steps]
    count = len(steps)
    ends = [min(i + reach, count - 1) for i, (_, reach) in enumerate(steps)]
    ends[-1] = count
    bounds = rematerialise.cuts(sizes, ends)
    assert bounds[0] == 0
    assert bounds[-1] == count
    inner = range(1, count)
    best = min(
        price([0, *chosen, count], sizes, ends)
        for some in range(count)
        for chosen in itertools.combinations(inner, some)
    )
    # The largest piece is tried in steps of a few percent.
    assert price(bounds, sizes, ends) <= 1.2 * best


def test_a_chain_is_cut_about_root_n_times():
    # 100 equal steps: 10 pieces of 10 keep 9 and recompute 10.
    bounds = rematerialise.cuts([1] * 100, [*range(1, 100), 100])
    assert price(bounds, [1] * 100, [*range(1, 100), 100]) <= 21
    assert 8 <= len(bounds) <= 13
