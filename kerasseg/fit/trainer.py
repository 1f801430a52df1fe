"""Trainer: augmentation, one-hot, network, loss and metric in one compiled step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from kerasseg import UserError, border, metrics
from kerasseg.augment.policies import Policy
from kerasseg.fit import accumulate, deep_supervision, replicas
from kerasseg.fit.augmentation import CUBES, augmentation
from kerasseg.fit.last_batch import LastBatch
from kerasseg.fit.rematerialise import rematerialised
from kerasseg.image_format import RGB, ImageFormat
from kerasseg.taxonomy import Tensor, ignore_of, target
from kerasseg.volume_format import Spacing


class Trainer(keras.Model):
    """Trains and scores `network`; what is saved and exported is the network inside.

    Takes batches of `kerasseg.data.pipeline`: image (B, H, W, D) and label (B, H, W),
    in training also numbers (B, augment.NUMBERS), from which the policy moves image and
    label, on the device, to `crop` (height, width). Volumes have one axis more in all
    of these. The loss is called with the one-hot
    target (B, h, w, C), all-zero where ignored, and the logits.

    exclusive: whether a pixel has one class. Where classes overlap the label is
    (B, H, W, C) of 0, 1 and 255, and the target 0 and 1, negative where ignored, see
    `kerasseg.taxonomy.target`.

    borders: (w0, sigma) of U-Net's border weights, or None. With them a training batch
        also has instance (B, H, W), and the loss gets the weights (B, h, w) as its
        third argument. Pixels of class 0 belong to no instance: they are the gap
        between two objects that touch.
    parts: equal parts that a batch is worked through in, see `kerasseg.fit.accumulate`.
    remat: whether activations are computed again in the backward pass, see
        `kerasseg.fit.rematerialise`.
    image_format: what the images are; D is its number of bands.
    spacing: (z, y, x) of volumes, for the augmentation.
    deep: whether the levels of the network are asked too, see
        `kerasseg.fit.deep_supervision`.
    """

    def __init__(
        self,
        network: keras.Model,
        loss: Callable[..., Tensor],
        policy: Policy,
        crop: tuple[int, ...],
        borders: tuple[float, float] | None = None,
        *,
        parts: int = 1,
        remat: bool = False,
        image_format: ImageFormat = RGB,
        exclusive: bool = True,
        spacing: Spacing = CUBES,
        deep: bool = False,
        **options: Any,
    ):
        # Of its own type: mixed precision is the network's, not the augmentation's.
        super().__init__(dtype="float32", **options)
        self.network = network
        if deep and (remat or borders):
            raise UserError(
                "--fit.deep_supervision does not go with --fit.remat or "
                "--fit.border_weight. Leave one of them out."
            )
        self.network_in_training = (
            deep_supervision.with_heads(network)
            if deep
            else rematerialised(network)
            if remat
            else network
        )
        self.deep = deep
        self.objective = loss
        self.num_classes = network.output_shape[-1]
        self.exclusive = exclusive
        ignore = ignore_of(self.num_classes)
        self.augment = augmentation(policy, crop, image_format, ignore, spacing)
        self.borders = borders
        self.parts = parts
        counts = metrics.ConfusionMatrix if exclusive else metrics.OverlapCounts
        self.confusion = counts(self.num_classes)
        self.last_batch = LastBatch()

    def call(self, batch: dict, training: bool = False) -> dict[str, Tensor]:
        """Logits (B, h, w, C) and label (B, h, w), in training with borders also
        weight (B, h, w), and with `deep` level_1, level_2, ..., smaller logits."""
        image, label, *weight = self.augmented(batch, training)
        logits = self.network_in_training(image, training=training)
        logits, *levels = logits if self.deep else [logits]
        found = {"logits": logits, "label": label}
        found |= {f"level_{i}": level for i, level in enumerate(levels, start=1)}
        return found | {"weight": weight[0]} if weight else found

    def augmented(self, batch: dict, training: bool = False) -> tuple[Tensor, ...]:
        """What the network sees of a batch: image, label and, with borders, weight.
        Without `training` nothing is moved."""
        image, label, weight = batch["image"], batch["label"], []
        if training:
            instance = [batch["instance"]] if self.borders else []
            image, label, *instance = self.augment(
                image, label, batch["numbers"], *instance
            )
            if self.borders:
                weight = [self._border_weights(label, *instance)]
        return ops.cast(image, "float32"), label, *weight

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, **_):
        found = replicas.gather(y_pred)
        loss = self._loss(found["label"], found["logits"], found.get("weight"))
        levels = [value for name, value in found.items() if name.startswith("level_")]
        if levels:
            first, *shares = deep_supervision.weights_of(1 + len(levels))
            loss = first * loss
            for share, level in zip(shares, levels, strict=True):
                label = deep_supervision.reduced(found["label"], level.shape[1:-1])
                loss = loss + share * self._loss(label, level)
        loss = loss + sum(self.losses) if self.losses else loss
        # Keras adds up what the replicas return, here the same.
        several = replicas.context()
        return loss / several.num_replicas_in_sync if several else loss

    def _loss(self, label, logits, weight=None):
        true = target(label, self.num_classes, self.exclusive)
        return self.objective(true, logits, *([] if weight is None else [weight]))

    def compute_metrics(self, x=None, y=None, y_pred=None, sample_weight=None):
        self.confusion.update_state(y_pred["label"], y_pred["logits"])
        return self.get_metrics_result()

    def train_step(self, *arguments):
        if self.parts > 1:
            return accumulate.train_step(self, *arguments)
        return super().train_step(*arguments)

    def make_train_function(self, force=False):
        if self.train_function is not None and not force:
            return
        super().make_train_function(force)
        self.train_function = self.last_batch.recording(self.train_function)

    # Keras saves weights alone. Without the states of random numbers a run that goes on
    # would drop out the same values again.

    def save_own_variables(self, store):
        for i, variable in enumerate(self._random_states()):
            store[str(i)] = ops.convert_to_numpy(variable)

    def load_own_variables(self, store):
        for i, variable in enumerate(self._random_states()):
            variable.assign(store[str(i)])

    def _random_states(self) -> list:
        weights = {id(variable) for variable in self.network.weights}
        return [v for v in self.network.variables if id(v) not in weights]

    def _border_weights(self, label, instance):
        counted = (label > 0) & (label < self.num_classes)
        instance = ops.where(counted, instance, 0)
        w0, sigma = self.borders
        return border.border_weights(instance, w0, sigma, class_weights=(1.0, 1.0))
