"""Networks from elsewhere become ones that take pixels and give logits."""

import keras
import numpy as np
import pytest
from keras import layers, ops

from kerasseg import UserError
from kerasseg.image_format import RGB
from kerasseg.inference.foreign import network as foreign
from kerasseg.inference.foreign import segmenter

SIZE = (16, 24)


def made(end, shape=(*SIZE, 3), before=lambda x: x, dtype=None):
    keras.utils.set_random_seed(3)
    image = keras.Input(shape, dtype=dtype)
    x = layers.Rescaling(1 / 127.5, offset=-1)(image)
    x = layers.Conv2D(4, 3, padding="same")(before(x))
    return keras.Model(image, end(x))


def conv(channels, activation=None, **options):
    return layers.Conv2D(channels, 1, activation=activation, **options)


def pixels(*size, channels=3):
    values = np.random.default_rng(0).integers(0, 256, (1, *size, channels))
    return values.astype("f4")


def numpy(tensor):
    return ops.convert_to_numpy(tensor)


def flat(x):
    return layers.Softmax()(layers.Reshape((16 * 24, 3))(conv(3)(x)))


KINDS = {
    "logits": (conv(3), lambda z: z),
    "softmax": (conv(3, "softmax"), lambda z: numpy(ops.softmax(z))),
    "flat": (flat, lambda z: numpy(ops.softmax(z)).reshape(1, -1, 3)),
    "overlapping": (conv(3, "sigmoid"), lambda z: numpy(ops.sigmoid(z))),
    "binary": (conv(1, "sigmoid"), lambda z: numpy(ops.softmax(z))[..., 1:]),
    "logit": (conv(1), lambda z: z[..., 1:] - z[..., :1]),
    "no channels": (
        lambda x: ops.squeeze(conv(1, "sigmoid")(x), -1),
        lambda z: numpy(ops.softmax(z))[..., 1],
    ),
    "half": (conv(3, "softmax", dtype="float16"), lambda z: numpy(ops.softmax(z))),
    "stride 4": (
        lambda x: conv(3)(layers.MaxPooling2D(4)(x)),
        lambda z: z,
    ),
}


@pytest.mark.parametrize("kind", KINDS)
def test_logits_give_back_what_the_network_gives(kind):
    end, undo = KINDS[kind]
    network, image = made(end), pixels(*SIZE)
    found = foreign.examined(network, "a.keras", None)
    logits = numpy(foreign.adapted(found, SIZE)(image))
    given = numpy(network(image)).astype("f4")
    tolerance = 1e-3 if kind == "half" else 2e-6
    np.testing.assert_allclose(undo(logits), given, atol=tolerance)
    assert logits.shape[-1] == found.num_classes
    assert found.scales
    if kind not in ("flat", "no channels"):
        likeliest = given.argmax(-1) if given.shape[-1] > 1 else given[..., 0] > 0.5
        if kind == "logit":
            likeliest = given[..., 0] > 0
        np.testing.assert_array_equal(logits.argmax(-1), likeliest)


def test_whole_numbers_and_other_ranges():
    network = made(conv(2), dtype="uint8")
    found = foreign.examined(network, "a.keras", None)
    image = pixels(*SIZE)
    logits = foreign.adapted(found, SIZE)(image)
    given = network(image.astype("u1"))
    np.testing.assert_allclose(numpy(logits), numpy(given), atol=1e-6)

    image = keras.Input((*SIZE, 3))
    network = keras.Model(image, conv(2)(image))
    found = foreign.examined(network, "a.keras", None)
    assert not found.scales
    values = pixels(*SIZE)
    logits = foreign.adapted(found, SIZE, (2 / 255, -1))(values)
    given = network(values * (2 / 255) - 1)
    np.testing.assert_allclose(numpy(logits), numpy(given), atol=1e-5)


def unet(depth, before_first=False):
    def end(x):
        kept = []
        for _ in range(depth):
            kept.append(x)
            x = layers.MaxPooling2D()(x)
        for before in reversed(kept):
            both = [layers.UpSampling2D()(x), before]
            x = layers.Concatenate()(both[::-1] if before_first else both)
        return conv(3)(x)

    return end


def stride(step):
    return lambda x: conv(3)(layers.AveragePooling2D(step)(x))


MULTIPLES = ((conv(3), 1), (unet(1), 2), (unet(3, True), 8), (stride(4), 4))


@pytest.mark.parametrize("end, multiple", MULTIPLES)
def test_what_sizes_are_multiples_of(end, multiple):
    found = foreign.examined(made(end, (None, None, 3)), "a.keras", None)
    assert (found.size, found.multiple) == (None, multiple)
    chosen = foreign.examined(made(end, (None, None, 3)), "a.keras", (64, 32))
    assert chosen.size == (64, 32)


def test_a_network_of_any_size_sees_each_picture_at_its_own():
    network = made(unet(2), (None, None, 3))
    found = foreign.examined(network, "a.keras", None)
    segment = segmenter.segmenter(found, RGB, (1, 0), True)
    image = pixels(13, 23)
    padded = np.pad(image, ((0, 0), (0, 3), (0, 1), (0, 0)), "symmetric")
    wanted = numpy(network(padded)).argmax(-1)[0, :13, :23]
    image = image[0].astype("u1")
    np.testing.assert_array_equal(segment(image), wanted)
    tiled = segmenter.segmenter(found, RGB, (1, 0), True, overlap=32)
    assert segmenter.tile_size(found) == (512, 512)  # larger: not enlarged to it
    np.testing.assert_array_equal(tiled(image), wanted)
    seen = []
    label = segment(image, seen.append)
    np.testing.assert_array_equal(label, np.concatenate(seen).argmax(-1))


def test_large_pictures_are_shrunk(monkeypatch):
    monkeypatch.setattr(segmenter, "MOST_PIXELS", 300)
    found = foreign.examined(made(unet(2), (None, None, 3)), "a.keras", None)
    assert segmenter.shrunk_size(60, 40, 4) == (20, 16)
    label = segmenter.segmenter(found, RGB, (1, 0), True)(
        pixels(60, 40).astype("u1")[0]
    )
    assert label.shape == (60, 40)


def two_outputs():
    image = keras.Input((*SIZE, 3))
    return keras.Model(image, [conv(2)(image), conv(3)(image)])


def two_inputs():
    images = keras.Input((*SIZE, 3)), keras.Input((*SIZE, 1))
    return keras.Model(images, conv(2)(layers.Concatenate()(images)))


def channels_first():
    image = keras.Input((3, *SIZE))
    return keras.Model(image, layers.Conv2D(2, 1, data_format="channels_first")(image))


def volumes():
    image = keras.Input((8, *SIZE, 1))
    return keras.Model(image, layers.Conv3D(2, 1)(image))


def batch():
    image = keras.Input((*SIZE, 3), batch_size=8)
    return keras.Model(image, conv(2)(image))


def not_called():
    return keras.Sequential([conv(2)])


def enormous():
    def end(x):
        return layers.MaxPooling2D(3000)(layers.UpSampling2D(3000)(x))

    return made(end, (None, None, 3))


REFUSED = {
    "numbers at once": enormous,
    "2 outputs": two_outputs,
    "2 inputs": two_inputs,
    "channels first": channels_first,
    "takes (None, 8, 16, 24, 1)": volumes,
    "8 images at a time": batch,
    "saved before it was called": not_called,
    "a classifier": lambda: made(lambda x: layers.GlobalAveragePooling2D()(x)),
    "class ids and no scores": lambda: made(lambda x: ops.argmax(conv(3)(x), -1)),
    "softmax over one channel": lambda: made(conv(1, "softmax")),
    "Say --activation sigmoid": lambda: made(conv(1, "tanh")),
    "cuts off a border": lambda: made(layers.Conv2D(2, 7)),
    "--size HEIGHT WIDTH": lambda: made(layers.Conv2D(2, 7), (None, None, 3)),
}


@pytest.mark.parametrize("words", REFUSED)
def test_what_is_no_such_network_is_refused(words):
    with pytest.raises(UserError, match=r"a\.keras") as caught:
        foreign.examined(REFUSED[words](), "a.keras", None)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_sizes_that_a_network_does_not_take():
    with pytest.raises(UserError, match=r"16 x 24 .*alone"):
        foreign.examined(made(conv(2)), "a.keras", (32, 32))
    with pytest.raises(UserError, match="multiples of 8, not 30 x 32"):
        foreign.examined(made(unet(3), (None, None, 3)), "a.keras", (30, 32))
    half = made(conv(2), (None, 24, 3))
    assert foreign.examined(half, "a.keras", None).size == (24, 24)
    assert foreign.examined(half, "a.keras", (40, 24)).size == (40, 24)
