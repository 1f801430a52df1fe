"""Which sizes of images a network takes, and where its scores lie in them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import keras
import tensorflow as tf

from kerasseg import UserError
from kerasseg.files import network_memory

MULTIPLES = (1, 2, 4, 8, 16, 32, 64, 128)
"""What sizes are tried to be multiples of."""
TRIED = 96
"""The smallest side of a size that is tried, pixels."""


def chosen(
    shape: tuple[int | None, ...], wanted: tuple[int, int] | None, name: str
) -> tuple[int, int] | None:
    """Height and width; None where neither the network nor the user says them."""
    height, width = shape
    if height and width:
        if wanted and wanted != (height, width):
            raise UserError(
                f"{name} takes images of {height} x {width} (height x width) alone. "
                "Leave --size out: pictures are brought to it."
            )
        return height, width
    if wanted:
        if height not in (None, wanted[0]) or width not in (None, wanted[1]):
            raise UserError(f"{name} takes {height} x {width}, not {wanted}.")
        return wanted
    side = height or width
    return (side, side) if side else None


def check_chosen(network: Any, size: tuple[int, int], name: str) -> None:
    """Raises UserError that says what sizes a network takes, where not the chosen."""
    try:
        check_border(layout(_traced(network, size, name).shape, size, name), size, name)
    except UserError:
        with contextlib.suppress(UserError):
            multiple = multiple_of(network, name)
            if any(length % multiple for length in size):
                error = UserError(
                    f"{name} takes multiples of {multiple}, not {size[0]} x {size[1]}. "
                    "Give such a --size HEIGHT WIDTH."
                )
        raise error from None


def trial(multiple: int) -> tuple[int, int]:
    """A size of odd multiples, which is no multiple of twice as much."""
    first = -(-TRIED // multiple) | 1
    return first * multiple, (first + 2) * multiple


def multiple_of(network: Any, name: str) -> int:
    """The least number of which sizes that a network takes are multiples."""
    failure = ""
    for multiple in MULTIPLES:
        size = trial(multiple)
        try:
            given = given_of(network, size, name)
            high, wide, _ = layout(given.shape, size, name)
            if size[0] % high == 0 and size[1] % wide == 0:
                high, wide, _ = layout(_ran(network, size, name).shape, size, name)
        except UserError as error:
            failure = str(error)
            continue
        # Of 97 rows a stride of 2 makes 49: then it wants even numbers.
        if size[0] % high == 0 and size[1] % wide == 0:
            return multiple
        failure = f"{name} gives {high} x {wide} scores of {size[0]} x {size[1]} pixels"
    raise UserError(f"{failure}. Give a size that it takes: --size HEIGHT WIDTH.")


def given_of(network: Any, size: tuple[int, int], name: str) -> Any:
    """Shape and type of what a network gives of one image of a size; of a size that it
    does not take they may be wrong."""
    first = network.inputs[0]
    image = keras.KerasTensor((1, *size, first.shape[-1]), dtype=first.dtype)  # type: ignore[no-untyped-call]
    with _told(name, size):
        given = network.compute_output_spec(image, training=False)
    return keras.tree.flatten(given)[0]


def _ran(network: Any, size: tuple[int, int], name: str) -> Any:
    """What a network gives of a black image. Concatenation, for one, does not look at
    sizes before."""
    run = _function(network, size, name)
    with _told(name, size):
        image = keras.ops.zeros(run.inputs[0].shape, network.inputs[0].dtype)
        return tf.nest.flatten(run(image))[0]


def _traced(network: Any, size: tuple[int, int], name: str) -> Any:
    """The same for a size that may be large: as a graph, which is not run."""
    return tf.nest.flatten(_function(network, size, name).structured_outputs)[0]


def _function(network: Any, size: tuple[int, int], name: str) -> Any:
    """A network as a graph for one image of a size.

    Raises UserError where it does not take the size, or needs too much memory for it.
    """
    first = network.inputs[0]
    spec = tf.TensorSpec((1, *size, first.shape[-1]), first.dtype)
    with _told(name, size):
        run = tf.function(lambda image: network(image, training=False), [spec])
        made = run.get_concrete_function()
    for operation in made.graph.get_operations():
        for tensor in operation.outputs:
            count = tensor.shape.num_elements() or 0
            if count > network_memory.MOST_OF_A_LAYER:
                raise UserError(
                    f"{name} would hold {count:,} numbers at once for an image of "
                    f"{size[0]} x {size[1]}. Give a smaller --size HEIGHT WIDTH."
                )
    return made


@contextlib.contextmanager
def _told(name: str, size: tuple[int, int]) -> Iterator[None]:
    """Errors of layers, which are of many kinds, as one line."""
    try:
        yield
    except Exception as error:
        reason = " ".join(str(error).split())[:200] or "no reason given"
        raise UserError(
            f"{name} does not take images of {size[0]} x {size[1]} (height x width): "
            f"{type(error).__name__}: {reason}"
        ) from error


def layout(
    shape: tuple[int | None, ...], size: tuple[int, int], name: str
) -> tuple[int, int, int]:
    """Height, width and channels of scores (B, h, w, C), (B, h, w) or (B, h w, C)."""
    lengths = shape[1:]
    if None not in lengths:
        if len(lengths) == 3:
            return lengths  # type: ignore[return-value]
        if len(lengths) == 2:
            step = round((size[0] * size[1] / lengths[0]) ** 0.5)  # type: ignore[operator]
            high, wide = size[0] // max(step, 1), size[1] // max(step, 1)
            if high * wide == lengths[0]:
                return high, wide, lengths[1]  # type: ignore[return-value]
            if size[0] * lengths[1] == size[1] * lengths[0]:  # type: ignore[operator]
                return lengths[0], lengths[1], 1  # type: ignore[return-value]
    what = "a classifier" if len(lengths) == 1 else "no map of scores"
    raise UserError(
        f"{name} gives {tuple(shape)}, {what}; expected (batch, height, width, "
        "classes)."
    )


def check_border(given: tuple[int, ...], size: tuple[int, int], name: str) -> None:
    """Raises UserError where scores are not of the whole image.

    A network of some stride gives of n pixels n / stride, rounded up or down.
    """
    for have, want in zip(given, size, strict=False):
        step = max(round(want / max(have, 1)), 1)
        if have < want and not want // step <= have <= -(-want // step):
            raise UserError(
                f"{name} gives {given[0]} x {given[1]} scores of {size[0]} x {size[1]} "
                "pixels: it cuts off a border, and where its scores lie is not known "
                "here. Build it with padding='same'."
            )
