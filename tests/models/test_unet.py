import keras
import numpy as np
import pytest
from network_laws import NetworkLaws
from networks import call, random_images, without_weights

from kerasseg.models import build
from kerasseg.models.unet import unet

pytestmark = pytest.mark.agnostic


class TestLaws(NetworkLaws):
    module = "unet"


@pytest.mark.parametrize("name", ["unet", "unet_valid", "unet_reflect"])
@pytest.mark.parametrize("channels, count", [(1, 31_030_658), (3, 31_031_810)])
def test_parameters_of_the_paper(name, channels, count):
    """Counted by hand from figure 1 (architectures.md 3.1), two classes."""
    side = 188 if "valid" in name else 64
    model = without_weights(name, 2, (side, side, channels))
    assert model.count_params() == count


@pytest.mark.parametrize(
    "channels, classes, up, count",
    [
        (3, 2, "transposed", 31_037_698),
        (3, 2, "bilinear", 17_263_042),
        (3, 1, "bilinear", 17_262_977),
    ],
)
def test_parameters_of_pytorch_unet(channels, classes, up, count):
    """What milesial/Pytorch-UNet's parameters() count to (architectures.md 3.4)."""
    options = {"batch_norm": True, "up_batch_norm": False, "up": up}
    model = without_weights("unet", classes, (64, 64, channels), **options)
    assert sum(int(np.prod(w.shape)) for w in model.trainable_weights) == count


def test_ways_up():
    for shape, padding in ((32, 48, 3), "same"), ((44, 44, 3), "valid"):
        model = unet(
            2,
            shape,
            filters=4,
            depth=2,
            up="bilinear",
            padding=padding,
            batch_norm=True,
        )
        size = model.output_shape[1:3]
        assert size == ((32, 48) if padding == "same" else (4, 4))
        assert call(model, random_images(1, *shape)).shape == (1, *size, 2)
    with pytest.raises(ValueError, match="of volumes 'transposed', got 'bilinear'"):
        unet(2, (8, 8, 8, 1), filters=2, depth=1, up="bilinear")
    with pytest.raises(ValueError, match="up must be one of"):
        unet(2, (8, 8, 1), filters=2, depth=1, up="nearest")


def test_valid_sizes_of_the_paper():
    """Figure 1: 572 -> 388; the smallest that works is 188 -> 4."""
    for size, out in ((572, 388), (188, 4), (204, 20)):
        model = build("unet_valid", 2, (size, size, 1), filters=1)
        assert model.output_shape == (None, out, out, 2)


def test_skip_is_dropped_too_at_the_end_of_the_contracting_path():
    layers = unet(2, (32, 32, 3), filters=2).layers
    dropouts = [la for la in layers if isinstance(la, keras.layers.Dropout)]
    assert [la.rate for la in dropouts] == [0.5, 0.5]
    joins = [la for la in layers if isinstance(la, keras.layers.Concatenate)]
    assert joins[0].input[1] is dropouts[0].output


def test_paddings_differ_at_the_border_only():
    """Same weights: the centre of the padded networks sees real pixels only, as every
    logit of the network without padding does. (From depth 2 on the pooling windows of
    the two lie differently, so this holds for depth 1 alone.)"""
    image = random_images(1, 40, 40, 3)
    shape, options = (40, 40, 3), {"filters": 8, "depth": 1}
    valid, same, reflect = (
        unet(2, shape, padding=padding, **options)
        for padding in ("valid", "same", "reflect")
    )
    for other in (same, reflect):
        other.set_weights(valid.get_weights())
    valid, same, reflect = (call(model, image) for model in (valid, same, reflect))
    assert valid.shape == (1, 24, 24, 2)
    np.testing.assert_allclose(same[:, 8:-8, 8:-8], valid, atol=1e-4)
    np.testing.assert_allclose(reflect[:, 8:-8, 8:-8], valid, atol=1e-4)
    assert np.abs(same - reflect)[:, 0].max() > 1e-3


def test_mirrored_border_keeps_a_constant_image_constant():
    """Down to the deepest level (an up-convolution then adds a texture of its own)."""
    model = unet(2, (32, 32, 3), filters=8, depth=2, padding="reflect")
    *_, deepest = [la for la in model.layers if isinstance(la, keras.layers.Dropout)]
    image = np.full((1, 32, 32, 3), 200.0, "float32")
    found = call(keras.Model(model.input, deepest.output), image)
    np.testing.assert_allclose(found, found[:, :1, :1] * np.ones((8, 8, 1)), atol=1e-5)
    assert found.max() > 0


def test_volumes():
    model = unet(3, (8, 16, 24, 1), filters=2, depth=2, batch_norm=True)
    image = random_images(2, 8, 16, 24, 1)
    assert call(model, image).shape == (2, 8, 16, 24, 3)
    model = unet(3, (44, 44, 48, 1), filters=1, depth=2, padding="valid")
    assert model.output_shape == (None, 4, 4, 8, 3)


def test_batch_norm_takes_the_place_of_the_bias():
    model = unet(2, (16, 16, 3), filters=2, depth=1, batch_norm=True)
    biases = [weight.path for weight in model.weights if "bias" in weight.path]
    assert biases == ["logits/bias"]


def test_encoder_takes_the_place_of_the_contracting_path():
    options = {"encoder": "efficientnet_lite0", "filters": 4, "weights": "none"}
    for depth in (2, 5):
        model = unet(3, (64, 96, 3), depth=depth, **options)
        assert model.output_shape == (None, 64, 96, 3)
        joins = [la for la in model.layers if isinstance(la, keras.layers.Concatenate)]
        assert len(joins) == depth - 1
    with pytest.raises(ValueError, match="1 to 5"):
        unet(3, (64, 64, 3), depth=6, **options)
    with pytest.raises(ValueError, match="same"):
        unet(3, (188, 188, 3), padding="valid", **options)


@pytest.mark.parametrize(
    "padding, size, advice",
    [
        ("same", 100, "multiple of 16. Crop or pad the image to 96 or 112"),
        ("reflect", 16, "to 32"),
        ("valid", 571, "multiple of 16 plus 12, 188 or more.* to 556 or 572"),
        ("valid", 64, "to 188"),
    ],
)
def test_a_size_that_cannot_work_says_which_do(padding, size, advice):
    with pytest.raises(ValueError, match=advice):
        unet(2, (size, size, 3), padding=padding)


@pytest.mark.parametrize("padding", ["same", "reflect", "valid"])
def test_the_advised_sizes_work(padding):
    for size in (33, 51, 90):
        with pytest.raises(ValueError) as error:
            unet(2, (size, size, 3), filters=1, depth=3, padding=padding)
        advised = str(error.value).split("image to ")[1].rstrip(".").split(" or ")
        for good in map(int, advised):
            unet(2, (good, good, 3), filters=1, depth=3, padding=padding)


def test_unknown_padding_model_and_option():
    with pytest.raises(ValueError, match="padding must be one of"):
        unet(2, (64, 64, 3), padding="zeros")
    with pytest.raises(ValueError, match=r"Unknown model 'unett'\. Known: .*unet, "):
        build("unett", 2, (64, 64, 3))
    with pytest.raises(ValueError, match=r"no option 'width'\. Its options: filters, "):
        build("unet", 2, (64, 64, 3), width=3)
    with pytest.raises(ValueError, match="num_classes must be at least 1"):
        build("unet", 0, (64, 64, 3))


def test_a_strided_stem_halves_every_map_and_the_logits_come_back():
    plain = build("unet", 3, (32, 48, 3), filters=4, depth=2)
    fast = build("unet", 3, (64, 96, 3), filters=4, depth=2, stem=2)
    assert fast.output_shape == (None, 64, 96, 3)
    # 4x4 instead of 3x3 on three channels comes first, 2x2 instead of 1x1 last; the
    # block behind the stem sees its 4 maps instead of the image's 3.
    stem, head = 4 * 4 * 3 * 4 + 4, (4 - 1) * 4 * 3
    assert fast.count_params() == plain.count_params() + stem + 3 * 3 * 4 + head
    with pytest.raises(ValueError, match="stem=2 works with"):
        build("unet", 3, (64, 96, 3), stem=2, padding="reflect")
