import keras
import numpy as np
import pytest
from network_laws import NetworkLaws
from networks import call, random_images, without_weights
from receptive_field import make_positive, rows_seen

from kerasseg.models.vnet import vnet

pytestmark = pytest.mark.agnostic

SMALL = {"filters": 2, "convolutions": (1, 2, 1)}


class TestLaws(NetworkLaws):
    module = "vnet"


def test_the_papers_network():
    """The paper's volume and table; parameters by hand (it gives no number).

    A convolution has k^3 i o + o, a PReLU o. With 5^3 = 125 and one channel in:
    5x5x5 with 16, 32, ... 256 filters: 2,016 + 16; 128,032 + 32; 512,064 + 64;
    2,048,128 + 128; 8,192,256 + 256. Joints down: 4,128 + 32; 16,448 + 64;
    65,664 + 128; 262,400 + 256; up: 262,272 + 128; 131,136 + 64; 32,800 + 32;
    8,208 + 16. The last 1x1x1, two classes: 66.
    """
    one = (2_032, 128_064, 512_128, 2_048_256, 8_192_512)
    contracting = np.dot((1, 2, 3, 3, 3), one)
    expanding = np.dot((1, 2, 3, 3), one[1:])
    joints = 4_160 + 16_512 + 65_792 + 262_656 + 262_400 + 131_200 + 32_832 + 8_224
    assert contracting + expanding + joints + 66 == 65_175_314

    model = without_weights("vnet", 2, (64, 128, 128, 1))
    assert model.output_shape == (None, 64, 128, 128, 2)
    assert model.count_params() == 65_175_314
    stages = [
        (la.output.shape[1:-1], la.output.shape[-1])
        for la in model.layers
        if isinstance(la, keras.layers.Add)
    ]
    sizes = [(64 // 2**level, 128 // 2**level, 128 // 2**level) for level in range(5)]
    assert stages == list(
        zip(
            sizes + sizes[3::-1],
            (16, 32, 64, 128, 256, 256, 128, 64, 32),
            strict=True,
        )
    )
    joints = [la for la in model.layers if getattr(la, "strides", None) == (2, 2, 2)]
    assert [layer.kernel_size for layer in joints] == [(2, 2, 2)] * 8
    assert [la.filters for la in joints] == [32, 64, 128, 256, 128, 64, 32, 16]
    slopes = [la for la in model.layers if isinstance(la, keras.layers.PReLU)]
    assert len(slopes) == 29  # 12 + 9 convolutions of 5x5x5, 8 joints
    for layer in slopes:
        assert layer.alpha.shape[:-1] == (1, 1, 1)
        assert layer.alpha_initializer.value == 0.25


def test_silent_stages_pass_their_input_on():
    """The residual: convolutions at zero leave PReLU(PReLU(input)); at the top the
    input is the image's channels repeated."""
    model = vnet(2, (8, 8, 8, 2), filters=5, convolutions=(1, 2))
    for layer in model.layers:
        if isinstance(layer, keras.layers.Conv3D) and layer.kernel_size == (5, 5, 5):
            layer.set_weights([0 * weight for weight in layer.get_weights()])
    slopes = [la for la in model.layers if isinstance(la, keras.layers.PReLU)]
    image = random_images(1, 8, 8, 8, 2)
    top, joint, _, bottom, *_ = call(
        keras.Model(model.input, [layer.output for layer in slopes]), image
    )

    def prelu(x):
        return np.where(x > 0, x, x / 4)

    scaled = image / 127.5 - 1
    np.testing.assert_allclose(
        top, prelu(scaled[..., [0, 1, 0, 1, 0]]), rtol=1e-5, atol=1e-6
    )
    np.testing.assert_allclose(bottom, prelu(joint), rtol=1e-5, atol=1e-6)


def test_what_a_voxel_sees():
    """Table 1 of the paper: 5, 22, 72, 172, 372 at the end of the contracting stages,
    then 476, 528, 546, 551. The latter count each up-convolution as if its kernel of 2
    overlapped; as it does not, a logit sees 532 or 548 by its place."""
    model = vnet(1, (1184, 16, 1), filters=1)
    make_positive(model)
    seen = rows_seen(model, 16)
    lengths = seen[:, 1] - seen[:, 0] + 1
    assert set(lengths) == {532, 548}

    adds = [la for la in model.layers if isinstance(la, keras.layers.Add)][:5]
    image = np.zeros((1, 1184, 16, 1), "float32")
    image[:, 592] = 1
    for stage, layer in enumerate(adds):
        # The rows of this stage that see one bright row, over all its places: as many
        # as the receptive field has strides, rounded up or down by the place.
        map_ = call(keras.Model(model.input, layer.output), image)
        rows = (map_ > 0).any(axis=(0, 2, 3)).sum()
        field, stride = (5, 22, 72, 172, 372)[stage], 2**stage
        assert rows in (field // stride, -(-field // stride)), stage


def test_images_and_volumes_train():
    for size in ((16, 24), (8, 16, 12)):
        model = vnet(3, (*size, 1), **SMALL)
        model.compile(optimizer="sgd", loss="mse")
        image = np.random.default_rng(0).uniform(0, 255, (2, *size, 1))
        before = model.get_weights()
        history = model.fit(image, np.ones((2, *size, 3)), verbose=0)
        assert np.isfinite(history.history["loss"]).all()
        for old, new in zip(before, model.get_weights(), strict=True):
            assert np.abs(old - new).max() > 0


@pytest.mark.parametrize(
    "size, advice", [(40, "to 32 or 48"), (72, "to 64 or 80"), (7, r"to 16\.")]
)
def test_a_size_that_cannot_work_says_which_do(size, advice):
    with pytest.raises(ValueError, match=f"a multiple of 16. Crop .* {advice}"):
        vnet(2, (64, size, 64, 1))
