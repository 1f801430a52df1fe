"""What border weights do: nuclei of two runs side by side, each object in a colour.

    python pipelines/dsb2018/compare.py RUN_WITHOUT RUN_WITH RECORDS OUT.png

Prints object F1 at IoU 0.5 of both on the validation split, over all images and over
those where nuclei touch, and draws the images with the most touching nuclei.
"""

import sys
from pathlib import Path

import numpy as np

from kerasseg import border, runs
from kerasseg.data import pipeline
from kerasseg.drawing import pictures
from kerasseg.files import atomic
from kerasseg.inference.class_maps import segmenter
from kerasseg.metrics import object_counts, object_f1

SHOWN = 3


def main(without: str, with_weights: str, records: str, out: str) -> None:
    networks = [segmenter(runs.load(run)) for run in (without, with_weights)]
    samples = []
    dataset = pipeline.batches(records, "val", batch_size=1, instances=True)
    for batch in dataset:
        image, label, instance = (
            batch[key][0].numpy() for key in ("image", "label", "instance")
        )
        gap = (instance > 0) & (label == 0)
        true = np.where(label == 1, instance, 0)
        seen = [border.connected_instances(network(image)) for network in networks]
        counts = [object_counts(true, objects) for objects in seen]
        samples.append((gap.sum(), len(samples), image, true, seen, counts))

    for name, chosen in (
        ("all images", samples),
        ("images with touching nuclei", [s for s in samples if s[0]]),
    ):
        before, after = np.sum([sample[-1] for sample in chosen], axis=0)
        print(
            f"{name} ({len(chosen)}): object F1 {object_f1(before):.4f} without, "
            f"{object_f1(after):.4f} with border weights (found, spurious, missed: "
            f"{before.tolist()}, {after.tolist()})"
        )
    samples.sort(key=lambda sample: (-sample[0], sample[1]))
    rows = [
        [image, coloured(true), coloured(seen[0]), coloured(seen[1])]
        for _, _, image, true, seen, _ in samples[:SHOWN]
    ]
    titles = ["image", "true nuclei", "without border weights", "with border weights"]
    sheet = pictures.contact_sheet(rows, titles, 1100)
    atomic.write_bytes(Path(out), pictures.png(sheet))


def coloured(instance: np.ndarray) -> np.ndarray:
    """(H, W) ids -> uint8 RGB, neighbouring ids in unlike colours."""
    colours = np.random.default_rng(1).integers(70, 256, (instance.max() + 1, 3))
    colours[0] = 0
    return colours.astype(np.uint8)[instance]


if __name__ == "__main__":
    if len(sys.argv) != 5:
        sys.exit(__doc__)
    main(*sys.argv[1:])
