"""Trainer: augmentation, one-hot, network, loss and metric in one compiled step."""

from __future__ import annotations

import keras
from keras import ops

from kerasseg import border, metrics
from kerasseg.fused import augmentation
from kerasseg.taxonomy import one_hot


class Trainer(keras.Model):
    """Trains and scores `network`; what is saved and exported is the network inside.

    Takes batches of `kerasseg.data.pipeline`: image (B, H, W, 3) and label (B, H, W),
    in training also numbers (B, augment.NUMBERS), from which the policy moves image and
    label, on the device, to `crop` (height, width). The loss is called with the one-hot
    target (B, h, w, C), all-zero where ignored, and the logits.

    borders: (w0, sigma) of U-Net's border weights, or None. With them a training batch
    also has instance (B, H, W), and the loss gets the weights (B, h, w) as its third
    argument. Pixels of class 0 belong to no instance: that is the gap between two that
    touch.
    """

    def __init__(
        self, network, loss, policy, crop: tuple[int, int], borders=None, **options
    ):
        super().__init__(**options)
        self.network = network
        self.objective = loss
        self.augment = augmentation(policy, crop)
        self.borders = borders
        self.num_classes = network.output_shape[-1]
        self.confusion = metrics.ConfusionMatrix(self.num_classes)

    def call(self, batch, training=False):
        image, label = batch["image"], batch["label"]
        moved = {}
        if training:
            instance = [batch["instance"]] if self.borders else []
            image, label, *instance = self.augment(
                image, label, batch["numbers"], *instance
            )
            if self.borders:
                moved["weight"] = self._border_weights(label, *instance)
        image = ops.cast(image, "float32")
        logits = self.network(image, training=training)
        return {"logits": logits, "label": label, **moved}

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, **_):
        target = one_hot(y_pred["label"], self.num_classes)
        weight = [y_pred["weight"]] if "weight" in y_pred else []
        loss = self.objective(target, y_pred["logits"], *weight)
        return loss + sum(self.losses) if self.losses else loss

    def _border_weights(self, label, instance):
        counted = (label > 0) & (label < self.num_classes)
        instance = ops.where(counted, instance, 0)
        w0, sigma = self.borders
        return border.border_weights(instance, w0, sigma, class_weights=(1.0, 1.0))

    def compute_metrics(self, x=None, y=None, y_pred=None, sample_weight=None):
        self.confusion.update_state(y_pred["label"], y_pred["logits"])
        return self.get_metrics_result()
