"""The numbers are from the authors' `assemble_resunet` (fcn_maker), counted by hand."""

import keras
import numpy as np
import pytest
from network_laws import NetworkLaws
from networks import call, parameters_of, random_images, without_weights

from kerasseg.models.residual_unet import residual_unet

pytestmark = pytest.mark.agnostic

SMALL = {"filters": 2, "repeats": (1, 2, 1)}


class TestLaws(NetworkLaws):
    module = "residual_unet"


@pytest.mark.parametrize(
    "merge, total, trained",
    [("sum", 11_523_233, 11_470_369), ("concat", 12_105_665, 12_048_833)],
)
def test_the_authors_network(merge, total, trained):
    model = without_weights("residual_unet", 1, (512, 512, 1), merge=merge)
    assert model.output_shape == (None, 512, 512, 1)
    assert model.count_params() == total
    assert parameters_of(model.trainable_weights) == trained

    # Size and width at the end of each stage, as in the table of the code: a stage's
    # blocks end in an addition; with "sum" a long skip is one more.
    sums = [
        (la.output.shape[1], la.output.shape[-1])
        for la in model.layers
        if isinstance(la, keras.layers.Add)
    ]
    stages = [(256, 32), (128, 32), *[(64, 128)] * 3, *[(32, 256)] * 8]
    stages += [(16, 512)] * 10 + [(8, 1024)] * 2 + [(16, 1024)]
    for level, (size, width, count) in enumerate(
        [(16, 512, 10), (32, 256, 8), (64, 128, 3), (128, 32, 1), (256, 32, 1)]
    ):
        skip = [(size, width)] if merge == "sum" else []
        narrow = 32 if level > 2 else width
        stages += skip + [(size, narrow)] * (count - 1) + [(2 * size, narrow)]
    stages += [(512, 32)] if merge == "sum" else []
    assert sums == stages

    dropouts = [la.rate for la in model.layers if isinstance(la, keras.layers.Dropout)]
    assert dropouts == [0.1] * (2 + 4 + 45)  # both ends, simple blocks, bottlenecks
    bias = [la.use_bias for la in model.layers if isinstance(la, keras.layers.Conv2D)]
    assert all(bias)


def test_short_skips_carry_the_input_past_silent_blocks():
    """A simple block with its convolution at zero passes every second pixel on its way
    down, and every pixel twice on its way up."""
    model = residual_unet(1, (32, 32, 1), dropout=0.0, **SMALL)
    convolutions = [la for la in model.layers if isinstance(la, keras.layers.Conv2D)]
    for layer in convolutions[1:]:
        layer.set_weights([0 * weight for weight in layer.get_weights()])
    adds = [la for la in model.layers if isinstance(la, keras.layers.Add)]
    *_, below, last, _ = adds  # the last of all is the long skip to the top
    ends = [convolutions[0], adds[0], below, last]
    image = random_images(1, 32, 32, 1)
    first, down, below, up = call(
        keras.Model(model.input, [layer.output for layer in ends]), image
    )
    assert np.ptp(first) > 0 and np.ptp(below) > 0
    np.testing.assert_allclose(down, first[:, ::2, ::2], atol=1e-6)
    np.testing.assert_allclose(up, below.repeat(2, 1).repeat(2, 2), atol=1e-6)


@pytest.mark.parametrize("size", [(64, 64), (65, 67), (100, 37), (16, 9)])
@pytest.mark.parametrize("merge", ["sum", "concat"])
def test_every_size_comes_out_as_it_went_in(size, merge):
    model = residual_unet(3, (*size, 3), merge=merge, **SMALL)
    assert model.output_shape == (None, *size, 3)
    image = random_images(1, *size, 3)
    assert np.isfinite(call(model, image)).all()


def test_options_are_checked():
    with pytest.raises(ValueError, match=r"merge must be one of .*got 'add'"):
        residual_unet(1, (64, 64, 1), merge="add")
    with pytest.raises(ValueError, match=r"must be odd in length.*got 2 numbers"):
        residual_unet(1, (64, 64, 1), repeats=(1, 2))
