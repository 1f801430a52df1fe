"""Reading by number from sources that only go forward."""

import pickle

import pytest

from kerasseg.data.reading.sequential_reader import KEPT, SequentialReader

OPENED = []


def numbers(key):
    OPENED.append(key)
    return range(key, key + 1000)


@pytest.mark.parametrize(
    ("asked", "times"),
    [
        (range(1000), 1),
        (range(3, 1000, 7), 1),
        ([2, 0, 1, 4, 3, 2 + KEPT, 3], 1),  # a little out of order
        ([KEPT, 0, 1], 2),
        ([999, 5, 5, 999, 0], 3),
    ],
)
def test_opens_its_source_as_rarely_as_it_can(asked, times):
    OPENED.clear()
    reader = SequentialReader(numbers)
    assert [reader(50, n) for n in asked] == [50 + n for n in asked]
    assert OPENED == [50] * times


def test_several_sources_and_copies():
    reader = SequentialReader(numbers)
    assert [reader(0, 3), reader(7, 3), reader(0, 4)] == [3, 10, 4]
    assert pickle.loads(pickle.dumps(reader))(7, 1) == 8
    with pytest.raises(ValueError, match="7 ends before its item 1000"):
        reader(7, 1000)
