"""KerasHub: its DeepLabv3+ segmenter on its EfficientNet-Lite0, trained with `fit`."""

from __future__ import annotations

import os

from protocol import serve

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


def build(work):
    """Keras' defaults leave out XLA where there is only a CPU."""
    import keras
    import keras_hub
    import numpy as np

    network = _segmenter(keras_hub, work)
    network.compile(
        optimizer="adamw",
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        # Its own default does not take (B, H, W) labels, and None leaves it in place.
        metrics=[keras.metrics.SparseCategoricalAccuracy()],
    )
    rng = np.random.default_rng(0)
    image = rng.random((work.batch, *work.crop, 3), np.float32)
    label = rng.integers(0, work.classes, (work.batch, *work.crop), np.uint8)

    def turn():
        network.fit(image, label, batch_size=work.batch, verbose=0)

    millions = network.count_params() / 1e6
    return turn, f"keras-hub {keras_hub.__version__}; {millions:.2f} M parameters"


def _segmenter(keras_hub, work):
    stages = 7
    encoder = keras_hub.models.EfficientNetBackbone(
        stackwise_kernel_sizes=[3, 3, 5, 3, 5, 5, 3],
        stackwise_num_repeats=[1, 2, 2, 3, 3, 4, 1],
        stackwise_input_filters=[32, 16, 24, 40, 80, 112, 192],
        stackwise_output_filters=[16, 24, 40, 80, 112, 192, 320],
        stackwise_expansion_ratios=[1, 6, 6, 6, 6, 6, 6],
        stackwise_strides=[1, 2, 2, 2, 1, 2, 1],
        stackwise_squeeze_and_excite_ratios=[0] * stages,
        stackwise_block_types=["v1"] * stages,
        stackwise_width_coefficients=[1.0] * stages,
        stackwise_depth_coefficients=[1.0] * stages,
        activation="relu6",
        input_shape=(*work.crop, 3),
    )
    backbone = keras_hub.models.DeepLabV3Backbone(
        image_encoder=encoder,
        spatial_pyramid_pooling_key="P4",  # its encoders do not dilate: stride 16
        low_level_feature_key="P2",
        upsampling_size=4,
        dilation_rates=[6, 12, 18],
        image_shape=(*work.crop, 3),
    )
    return keras_hub.models.DeepLabV3ImageSegmenter(
        backbone=backbone, num_classes=work.classes, activation=None
    )


if __name__ == "__main__":
    serve(build)
