"""Trainer: augmentation, one-hot, network, loss and metric in one compiled step."""

from __future__ import annotations

import keras
from keras import ops

from kerasseg import augment, metrics
from kerasseg.taxonomy import one_hot


class Trainer(keras.Model):
    """Trains and scores `network`; what is saved and exported is the network inside.

    Takes batches of `kerasseg.data.pipeline`: image (B, H, W, 3) and label (B, H, W),
    in training also numbers (B, augment.NUMBERS), from which the policy moves image and
    label, on the device, to `crop` (height, width). The loss is called with the one-hot
    target (B, h, w, C), all-zero where ignored, and the logits.
    """

    def __init__(self, network, loss, policy, crop: tuple[int, int], **options):
        super().__init__(**options)
        self.network = network
        self.objective = loss
        self.policy = policy
        self.crop = tuple(crop)
        self.num_classes = network.output_shape[-1]
        self.confusion = metrics.ConfusionMatrix(self.num_classes)

    def call(self, batch, training=False):
        image, label = batch["image"], batch["label"]
        if training:
            image, label = augment.apply(
                image, label, batch["numbers"], self.policy, self.crop
            )
        image = ops.cast(image, "float32")
        return {"logits": self.network(image, training=training), "label": label}

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, **_):
        target = one_hot(y_pred["label"], self.num_classes)
        loss = self.objective(target, y_pred["logits"])
        return loss + sum(self.losses) if self.losses else loss

    def compute_metrics(self, x=None, y=None, y_pred=None, sample_weight=None):
        self.confusion.update_state(y_pred["label"], y_pred["logits"])
        return self.get_metrics_result()
