"""Sources of other bands and types: joined where they fit, named where they do not."""

import numpy as np
import pytest

from kerasseg.data.preparing.join import join
from kerasseg.data.sample import Decoded, Sample, Samples
from kerasseg.image_format import GRAY, RGB, ImageFormat
from kerasseg.taxonomy import Taxonomy

TAXONOMY = Taxonomy.numbered(2)
FOUR = ImageFormat.of(("red", "green", "blue", "nir"), "uint16", nodata=0)


def source(image_format, encoded=b"", **options):
    image = np.arange(6 * image_format.channels).reshape(2, 3, -1)
    image = image.astype(image_format.type)
    kept = Decoded.to(image, encoded)

    def read(number):
        return Sample(f"s{number}", image, np.zeros((2, 3), np.uint8), encoded=kept)

    return TAXONOMY, {"train": Samples([0], read, image_format=image_format, **options)}


def test_sources_of_one_kind_keep_it_and_what_they_understood():
    _, splits = join(
        [("a", source(FOUR, source={"masks": {"line": "x"}})), ("b", source(FOUR))]
    )
    train = splits["train"]
    assert train.image_format == FOUR
    assert train.source == {"a": {"masks": {"line": "x"}}}
    assert [s.image.shape for s in train] == [(2, 3, 4)] * 2


def test_other_kinds_are_refused_by_name():
    with pytest.raises(ValueError, match=r"a \(source 1, train\) has 4 bands.*b \(so"):
        join([("a", source(FOUR)), ("b", source(RGB))])
    with pytest.raises(ValueError, match=r"1 band \(gray\) of uint8.*of uint16"):
        join([("a", source(GRAY)), ("b", source(FOUR))])


def test_gray_beside_rgb_becomes_rgb_and_says_so():
    _, splits = join([("a", source(GRAY, b"png")), ("b", source(RGB))])
    gray, colour = splits["train"]
    assert splits["train"].image_format == RGB
    assert gray.image.shape == colour.image.shape == (2, 3, 3)
    assert (gray.image == gray.image[..., :1]).all()
    assert gray.encoded == b"png" and gray.encoded.pixels is gray.image
    assert "gray images became RGB" in splits["train"].source["a"]["gray"]["line"]


def test_classes_that_overlap_join_only_their_like():
    _, splits = source(RGB)
    apart = Taxonomy.named(["a", "b"])
    overlap = Taxonomy(apart.names, apart.colours, exclusive=False)
    other = Taxonomy(("c",), ((1, 2, 3),), exclusive=False)
    assert join([("x", (overlap, splits)), ("y", (overlap, splits))])[0] == overlap
    for one in apart, TAXONOMY:  # by the same names and by others
        with pytest.raises(ValueError, match=r"x and y overlap.*exclude each other"):
            join([("x", (one, splits)), ("y", (overlap, splits))])
    with pytest.raises(ValueError, match=r"2\)\. Write them to two folders"):
        join([("x", (overlap, splits)), ("y", (other, splits))])
