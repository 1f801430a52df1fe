"""Made records_rgb8/ with the code of commit 6f2d308, which knew RGB of 8 bits only:

PYTHONPATH=CHECKOUT_OF_6f2d308 python make_records_rgb8.py FOLDER
"""

import io
import sys

import numpy as np
from PIL import Image

from kerasseg.data import records
from kerasseg.data.sample import Sample, Samples
from kerasseg.taxonomy import Taxonomy


def picture(number: int) -> Sample:
    """By turns a JPEG whose bytes are kept, a gray PNG whose are, and pixels alone."""
    rows, columns = np.mgrid[:9, :14]
    image = np.stack(
        [rows * 20 + number, columns * 15, (rows * columns + 7 * number) % 256], -1
    ).astype(np.uint8)
    encoded = b""
    if number % 3 < 2:
        out = io.BytesIO()
        if number % 3:
            Image.fromarray(image[..., 0]).save(out, "PNG")
        else:
            Image.fromarray(image).save(out, "JPEG", quality=80)
        encoded = out.getvalue()
        image = np.asarray(Image.open(out).convert("RGB"))
    label = ((rows + columns + number) % 4).astype(np.uint8)
    label[label == 3] = 255
    instance = (rows * 300 + number).astype(np.uint16)
    return Sample(
        f"s{number} é", image, label, instance, encoded, f"drive {number % 2}"
    )


def write(out: str, read=picture) -> None:
    splits = {"train": Samples(range(5), read), "val": Samples([5], read)}
    records.write_splits(
        splits,
        out,
        taxonomy=Taxonomy.named(("road", "sky", "tree")),
        name="old",
        shards=2,
        command="as typed",
        progress=False,
    )


if __name__ == "__main__":
    write(sys.argv[1])
