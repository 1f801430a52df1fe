"""JSON read piece by piece: the same values as in one go, wherever chunks end."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kerasseg.data.datasets.reading import json_stream

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(-9, 9) | st.text(),
    lambda some: st.lists(some) | st.dictionaries(st.text(), some),
    max_leaves=20,
)


def read(path, text, chunk):
    path.write_text(text, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_stream, "CHUNK", chunk)
        found = list(json_stream.members(path))
    assert all(json.loads(text) == value for _, value, text in found)
    return [(key, value) for key, value, _ in found]


@settings(deadline=None, max_examples=25)
@given(
    st.dictionaries(st.text(), values), st.integers(1, 40), st.sampled_from([None, 2])
)
def test_as_in_one_go(tmp_path_factory, document, chunk, indent):
    text = json.dumps(document, ensure_ascii=False, indent=indent)
    path = tmp_path_factory.mktemp("json") / "x.json"
    expected = []
    for key, value in document.items():
        expected += (
            [(key, v) for v in value] if isinstance(value, list) else [(key, value)]
        )
    assert read(path, text, chunk) == expected


@pytest.mark.parametrize("chunk", [1, 1000])
@pytest.mark.parametrize(
    "wrong", ["", "[1]", '{"a": [1, 2', '{"a": 1', '{"a" 1}', '{"a": x}']
)
def test_wrong_text(tmp_path, wrong, chunk):
    with pytest.raises(ValueError, match=r"expected|Expecting"):
        read(tmp_path / "x.json", wrong, chunk)
