"""Inference: one uint8 image to a class map, in every form the network is kept in."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from benchmarks.speed.machine import cores
from benchmarks.speed.turns import Missing, Part, Side
from benchmarks.speed.work import Work

LITE = {"LiteRT int8": "int8", "LiteRT float32": "float32"}


def inference(work: Work) -> Part:
    """On all cores. Keras as `kerasseg.predict` runs it, and `predict` of Keras."""
    sides = {name: _litert(work, kind, cores()) for name, kind in LITE.items()}
    sides |= {
        "kerasseg.predict": lambda: _keras(work),
        "Keras predict": lambda: _predict(work),
        "SavedModel": lambda: _saved_model(work),
    }
    return _part(work, sides, f"on {cores()} cores")


def inference1(work: Work) -> Part:
    """On one thread, as beside other work or on a small device."""
    sides = {name: _litert(work, kind, 1) for name, kind in LITE.items()}
    return _part(work, sides, "on one thread")


def tiles(work: Work) -> Part:
    """An image of twice the height and width in overlapping tiles of the network's
    size, against a network built for the whole."""
    height, width = work.size
    image = np.tile(work.arrays()[0][0], (2, 2, 1))
    return Part(
        f"tiles of {height}x{width} over {2 * height}x{2 * width}",
        1,
        "the whole image at once",
        {
            "the whole image at once": lambda: _whole(work, image),
            "tiles.predict": lambda: _tiles(work, image),
            "SavedModel with tiles": lambda: _tiled_saved_model(work, image),
        },
    )


def prepare(work: Work) -> None:
    """Writes the network once, for LiteRT and for the peers: `plain`, a SavedModel with
    the contract of the LiteRT files, uint8 (1, h, w, 3) to ids (1, h, w)."""
    from kerasseg.export import engines
    from kerasseg.export.litert import conversion

    folder = Path(work.folder, "network")
    if folder.exists():
        return
    network = _network(work)
    for kind in LITE.values():
        path = folder / f"{kind}.tflite"
        conversion.write(network, path, kind, work.arrays()[0])
    engines.save_plain(network, folder / "plain")


def _part(work: Work, sides: dict, where: str) -> Part:
    prepare(work)
    pairs = tuple(
        (other, "LiteRT float32", f"{other} / LiteRT float32")
        for other in ("ONNX Runtime", "OpenVINO, float32", "SavedModel")
    )
    height, width = work.size
    title = f"inference, one image of {height}x{width}, {where}"
    return Part(title, 1, "LiteRT int8", sides, pairs)


def _network(work: Work):
    if not work.run:
        return work.network(work.size)
    from kerasseg import runs

    return runs.load(Path(work.run))


def _litert(work: Work, kind: str, threads: int):
    from kerasseg.inference import litert

    def build() -> Side:
        model = litert.Model(Path(work.folder, "network", f"{kind}.tflite"), threads)
        image = work.arrays()[0][0]
        return Side(lambda: _done(model.class_map(image)))

    return build


def _keras(work: Work) -> Side:
    from kerasseg.inference.class_maps import segmenter

    segment, image = segmenter(_network(work)), work.arrays()[0][0]
    return Side(lambda: _done(segment(image)))


def _predict(work: Work) -> Side:
    network, image = _network(work), work.arrays()[0][:1].astype("float32")
    return Side(lambda: _done(network.predict(image, verbose=0).argmax(-1)))


def _saved_model(work: Work) -> Side:
    import tensorflow as tf

    from kerasseg.export.saved_model import signatures

    folder = Path(work.folder, "served")
    signatures.write(_network(work), folder)
    served = tf.saved_model.load(str(folder))
    image = tf.constant(work.arrays()[0][:1])
    run = served.signatures["network_size"]
    return Side(lambda: _done(run(image=image)["class_map"].numpy()))


def _whole(work: Work, image) -> Side:
    import tensorflow as tf

    if work.run:
        raise Missing("a run's network has one size")
    network = tf.function(work.network(image.shape[:2]))
    pixels = tf.constant(image[None], tf.float32)
    return Side(lambda: _done(network(pixels).numpy()))


def _tiles(work: Work, image) -> Side:
    import tensorflow as tf

    from kerasseg import tiles

    network = _network(work)
    graph = tf.function(lambda piece: network(tf.cast(piece, tf.float32)))

    def turn():
        tiles.predict(graph, image, work.size, _overlap(work))

    return Side(turn)


def _tiled_saved_model(work: Work, image) -> Side:
    import tensorflow as tf

    from kerasseg.export.saved_model import signatures

    folder = Path(work.folder, "tiled")
    signatures.write(_network(work), folder, overlap=_overlap(work))
    served = tf.saved_model.load(str(folder))
    pixels = tf.constant(image[None], tf.float32)
    run = served.signatures["serving_default"]
    return Side(lambda: _done(run(image=pixels)["class_map"].numpy()))


def _overlap(work: Work) -> int:
    return work.size[0] // 8 // 2 * 2


def _done(result) -> None:
    """The result is there; nothing of it is the turn's time."""
