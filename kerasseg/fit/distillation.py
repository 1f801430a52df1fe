"""Distillation: a network learns from trained ones, its teachers, beside the labels.

Hinton, Vinyals and Dean 2015 (arXiv 1503.02531): the student's softened probabilities
are brought to those of the teachers, pixel by pixel, and the term is multiplied by T^2,
so that its gradients do not shrink with the temperature T (their section 2).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from keras import ops

from kerasseg.augment.mixing import ID_BITS
from kerasseg.taxonomy import Tensor, ignore_of

Teacher = Callable[[Tensor], Tensor]
"""Images float32 (B, h, w, bands) -> logits (B, h, w, C), frozen."""
SMALLEST = 1e-12
"""Probabilities below are taken for it: their logarithm is finite."""


@dataclass(frozen=True)
class Distillation:
    """What a Trainer adds to its loss.

    teachers: one for each network at each scale. flip: they also answer the mirror
    image. temperature: T. weight: of the term. disagreement: what a pixel counts where
    the teachers contradict the label, 0 to 1. exclusive: see `Taxonomy`.
    """

    teachers: Sequence[Teacher]
    flip: bool
    temperature: float
    weight: float
    disagreement: float
    exclusive: bool = True

    def targets(self, image: Tensor) -> Tensor:
        """(B, h, w, C) float32: the mean of the teachers' softened probabilities for
        images (B, h, w, bands) as the student sees them."""
        found = [self._softened(teacher(image)) for teacher in self.teachers]
        if self.flip:
            mirrored = ops.flip(image, axis=-2)
            found += [
                ops.flip(self._softened(teacher(mirrored)), axis=-2)
                for teacher in self.teachers
            ]
        return ops.stop_gradient(sum(found) / len(found))

    def loss(
        self, targets: Tensor, logits: Tensor, label: Tensor, inside: Tensor
    ) -> Tensor:
        """The term, a scalar: the mean over all pixels inside of the picture, labelled
        or not, and where classes overlap over these.

        targets: of `targets`; logits: of the student; both (B, h, w, C). label
        (B, h, w), or where classes overlap (B, h, w, C). inside (B, h, w): 0 where the
        augmentation left the picture, else 1.
        """
        inside = ops.cast(inside, "float32")
        targets = ops.convert_to_tensor(targets)
        distance = divergence(targets, logits, self.temperature, self.exclusive)
        if not self.exclusive:
            inside = inside[..., None] * ops.ones_like(distance)
        against = ops.cast(self._contradicted(targets, label), "float32")
        weight = inside * (1 - (1 - self.disagreement) * against)
        mean = ops.sum(weight * distance) / ops.maximum(ops.sum(inside), 1.0)
        return self.weight * self.temperature**2 * mean

    def _softened(self, logits: Tensor) -> Tensor:
        scaled = ops.cast(logits, "float32") / self.temperature
        return ops.softmax(scaled) if self.exclusive else ops.sigmoid(scaled)

    def _contradicted(self, targets: Tensor, label: Tensor) -> Tensor:
        """Where there is a label and the teachers say another."""
        label = ops.cast(label, "int32")
        if not self.exclusive:
            return (label <= 1) & ((targets > 0.5) != (label == 1))
        classes = targets.shape[-1]
        known = (label < classes) & (label != ignore_of(classes))
        return known & (ops.cast(ops.argmax(targets, -1), "int32") != label)


def divergence(
    targets: Tensor, logits: Tensor, temperature: float = 1.0, exclusive: bool = True
) -> Tensor:
    """Kullback-Leibler divergence of softened probabilities from their targets.

    targets, logits: (..., C). Gives (...) float32, 0 where they are equal; where
    classes overlap (..., C), of each class for itself. It is cross entropy less the
    entropy of the targets.

    >>> import numpy as np
    >>> targets, logits = np.float32([[0.5, 0.5]]), np.float32([[0, 0]])
    >>> float(divergence(targets, logits)[0])
    0.0
    """
    targets = ops.convert_to_tensor(targets)
    scaled = ops.cast(logits, "float32") / temperature
    if exclusive:
        each = targets * (_log(targets) - ops.log_softmax(scaled))
        return ops.sum(each, axis=-1)
    there = targets * (_log(targets) - ops.log_sigmoid(scaled))
    absent = 1 - targets
    return there + absent * (_log(absent) - ops.log_sigmoid(-scaled))


def resized(images: Tensor, size: tuple[int, int]) -> Tensor:
    """(B, H, W, C) -> (B, height, width, C), bilinear, with antialiasing where it
    shrinks, as records are; their sizes must be static."""
    have = tuple(images.shape[1:3])
    if have == size:
        return images
    shrinks = any(a > b for a, b in zip(have, size, strict=True))
    way = {"interpolation": "bilinear", "data_format": "channels_last"}
    return ops.image.resize(images, size, antialias=shrinks, **way)


def _log(probabilities: Tensor) -> Tensor:
    return ops.log(ops.maximum(probabilities, SMALLEST))


# ---- Which pixels of an augmented image are its own ---------------------------------
# They go through the augmentation in the place of object ids, which are 0 outside.


def marks(label: Tensor, instance: Tensor | None = None) -> Tensor:
    """(B, H, W) int32: ids of objects plus 1, or 1 everywhere."""
    if instance is not None:
        return ops.cast(instance, "int32") + 1
    first = label if len(label.shape) == 3 else label[..., 0]
    return ops.ones_like(first, dtype="int32")


def unmarked(found: Tensor) -> tuple[Tensor, Tensor]:
    """Augmented marks -> ids of objects, and whether a pixel is inside, both
    (B, h, w)."""
    own = ops.bitwise_and(found, (1 << ID_BITS) - 1)
    return ops.where(own > 1, found - 1, 0), found > 0
