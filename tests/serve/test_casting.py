"""Numbers cast where that is exact, base64 of any kind, sizes from headers."""

import base64

import jpeg_png
import ml_dtypes
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from kerasseg.serve import casting
from kerasseg.serve.errors import ServingError

TYPES = ("uint8", "int16", "uint16", "int32", "int64", "float32", "float64")
NUMBERS = (0, 1, 255, 256, -1, 0.5, 2**24 + 1, 2**53 + 1, 2**63, 1e300, np.nan, np.inf)


@given(st.sampled_from(NUMBERS), st.sampled_from(TYPES), st.sampled_from(TYPES))
@example(2**53 + 1, "int64", "float64")
def test_a_cast_keeps_every_number_or_is_none(number, of, to):
    """Python's own numbers, which are never rounded, judge."""
    with np.errstate(all="ignore"):
        value = np.array([number]).astype(of)
    cast = casting.exactly(value, np.dtype(to).type)
    before = value.tolist()[0]
    if cast is not None:
        after = cast.tolist()[0]
        assert cast.dtype == to
        assert after == before or (np.isnan(after) and np.isnan(before))
    elif np.dtype(to).kind in "iu":
        limits = np.iinfo(to)
        whole = before == before and abs(before) != np.inf and before == int(before)
        assert not (whole and limits.min <= before <= limits.max)
    else:
        assert float(np.dtype(to).type(before)) != before


def test_text_and_bool_are_no_numbers():
    for value in (np.array(["1"]), np.array([True]), np.array([b"1"], object)):
        assert casting.exactly(value, np.float32) is None


def test_bfloat16_is_a_number():
    value = np.array([0, 1.5, 255]).astype(ml_dtypes.bfloat16)
    assert casting.exactly(value, np.float32).tolist() == [0, 1.5, 255]
    assert casting.exactly(value, np.uint8) is None  # 1.5


@given(st.binary(max_size=300), st.booleans(), st.booleans(), st.integers(1, 80))
def test_base64_of_any_kind(data, url_safe, padded, width):
    text = (base64.urlsafe_b64encode if url_safe else base64.b64encode)(data).decode()
    text = text if padded else text.rstrip("=")
    wrapped = "\r\n".join(text[i : i + width] for i in range(0, len(text), width))
    assert casting.from_base64("image", wrapped) == data


@pytest.mark.parametrize(
    "text", ["!", "A", "ABCDE", "AA=A", "é", 5, None, "data:,AAAA"]
)
def test_what_is_not_base64_is_refused(text):
    with pytest.raises(ServingError, match=r"'image' holds text that is not base64"):
        casting.from_base64("image", text)


def test_what_browsers_put_before_base64_is_named():
    with pytest.raises(ServingError, match="before the comma"):
        casting.from_base64("image", "data:image/png;base64,AAAA")


@given(st.binary(max_size=200), st.sampled_from([casting.PNG, casting.JPEG, b""]))
def test_sizes_come_from_headers_and_never_fail(data, head):
    height, width = casting.size_of(head + data)
    assert height >= 0 and width >= 0


def test_sizes_are_those_of_the_stored_pixels():
    image = jpeg_png.noise(40, 61)
    assert casting.size_of(jpeg_png.encoded(image, "PNG")) == (40, 61)
    assert casting.size_of(jpeg_png.encoded(image, orientation=6)) == (40, 61)
