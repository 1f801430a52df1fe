"""EfficientNet against keras.applications. Of "smp": importing/test_smp.py."""

import keras
import numpy as np
import pytest
from golden import formulas
from networks import call, parameters_of, randomize_statistics

from kerasseg.models.encoders import encode
from kerasseg.models.encoders.preprocessing import TORCH_DEVIATION, TORCH_MEAN

pytestmark = pytest.mark.agnostic
IMAGE = formulas.picture(65, 96)


def encoder(name, size, **options):
    image = keras.Input((*size, 3))
    return keras.Model(image, encode(name, image, **options))


@pytest.fixture(scope="module")
def reference():
    """EfficientNetB0 of keras.applications with random weights and statistics."""
    keras.utils.set_random_seed(0)
    model = keras.applications.EfficientNetB0(
        include_top=False, weights=None, input_shape=(65, 96, 3)
    )
    return randomize_statistics(model)


def saved(model, mean, path):
    """Its file; it is made for images of this mean."""
    scaling = next(la for la in model.layers if la.name.startswith("normalization"))
    variance = np.square(TORCH_DEVIATION)
    scaling.load_own_variables({"0": np.asarray(mean), "1": variance, "2": 0})
    model.save_weights(path)
    return str(path)


def test_file_of_keras_applications_gives_its_outputs(reference, tmp_path):
    path = saved(reference, TORCH_MEAN, tmp_path / "b0.weights.h5")
    found = call(encoder("efficientnet_b0", (65, 96), weights=path), IMAGE)
    names = {2: "block1a", 4: "block2b", 8: "block3b", 16: "block5c", 32: "block7a"}
    ends = {
        stride: f"{name}_{'project_bn' if name[-1] == 'a' else 'add'}"
        for stride, name in names.items()
    }
    maps = {stride: reference.get_layer(end).output for stride, end in ends.items()}
    expected = call(keras.Model(reference.input, maps), IMAGE)
    for stride, map_ in expected.items():
        scale = max(1, np.abs(map_).max())
        np.testing.assert_allclose(found[stride], map_, atol=1e-4 * scale)


def test_weights_for_other_images_are_refused(reference, tmp_path):
    path = saved(reference, (0, 0, 0), tmp_path / "b0.weights.h5")
    with pytest.raises(ValueError, match=r"are for images of mean \(0\.0, 0\.0, 0\.0"):
        encoder("efficientnet_b0", (64, 64), weights=path)


@pytest.mark.parametrize(
    "number, total",
    [
        # What keras.applications counts, without its normalization of the image (7) and
        # its last convolution.
        (0, 4_049_571 - 7 - (320 * 1280 + 4 * 1280)),
        (4, 17_673_823 - 7 - (448 * 1792 + 4 * 1792)),
    ],
)
def test_parameters(number, total):
    with keras.StatelessScope(initialize_variables=False):
        model = encoder(f"efficientnet_b{number}", (64, 64), weights="none")
    assert parameters_of(model.weights) == total


def test_smp_has_its_own_places():
    """Stride 2 is the stem's; B0's stage of stride 16 ends with its first block; there
    the dilation begins with the first block of a stage."""
    with keras.StatelessScope(initialize_variables=False):
        options = {"variant": "smp", "weights": "none", "output_stride": 16}
        model = encoder("efficientnet_b0", (64, 64), **options)
    assert [map_.shape[-1] for map_ in model.output.values()] == [32, 24, 40, 112, 320]
    for name, dilation in (("5a", 1), ("5b", 2), ("6a", 2), ("7a", 2)):
        layer = model.get_layer(f"encoder_block{name}_depthwise_conv")
        assert layer.dilation_rate == (dilation, dilation)
    with pytest.raises(ValueError, match="variant must be one of paper, smp"):
        encoder("efficientnet_b0", (64, 64), variant="torchvision")
