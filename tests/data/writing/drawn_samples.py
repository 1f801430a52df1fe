"""Samples that tests of writing make and read, also in processes without TensorFlow."""

from pathlib import Path

import numpy as np

from kerasseg.data.reading.pictures.image import read_image
from kerasseg.data.reading.sequential_reader import SequentialReader
from kerasseg.data.sample import Sample
from kerasseg.image_format import ImageFormat


def drawn(number: int, height: int = 12, width: int = 16) -> Sample:
    rng = np.random.default_rng(number)
    image = rng.integers(0, 256, (height, width, 3), np.uint8)
    return Sample(f"s{number}", image, rng.integers(0, 3, (height, width), np.uint8))


def counted(key):
    return (drawn(key + number) for number in range(100))


def in_order(number: int, reader: SequentialReader) -> Sample:
    return reader(500, number)


def from_file(file: Path) -> Sample:
    image, encoded = read_image(file)
    return Sample(file.stem, image, np.zeros(image.shape[:2], np.uint8), None, encoded)


def banded(number: int, image_format: ImageFormat) -> Sample:
    """Noise of the type's size, some of it not valid."""
    rng = np.random.default_rng(number)
    shape = (14, 9, image_format.channels)
    image = (rng.standard_normal(shape) * 9000).astype(image_format.type)
    label = rng.integers(0, 3, shape[:2], np.uint8)
    return Sample(f"s{number}", image, label, valid=rng.random(shape[:2]) < 0.8)
