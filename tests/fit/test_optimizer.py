import keras
import numpy as np
import pytest

from kerasseg.fit.optimizer import optimizer
from kerasseg.frameworks.private_hooks import moving_averages

pytestmark = pytest.mark.agnostic


@pytest.mark.parametrize("name", ["adamw", "sgd", "rmsprop"])
@pytest.mark.parametrize("share", [0.25, 1.0])
def test_the_encoder_moves_its_share_of_the_way(name, share):
    """Equal gradients, one weight in a layer named encoder_...: one step each."""
    with keras.name_scope("encoder_conv"):
        pretrained = keras.Variable(np.ones((2, 3), "float32"), name="kernel")
    with keras.name_scope("logits"):
        new = keras.Variable(np.ones((2, 3), "float32"), name="kernel")
    inner = optimizer(name, 0.1, encoder_rate=share).inner_optimizer
    inner.build([new, pretrained])
    gradient = keras.ops.ones((2, 3)) * 0.5
    for _ in range(3):
        inner.apply([gradient, gradient], [new, pretrained])
    moved = [1 - keras.ops.convert_to_numpy(v).mean() for v in (new, pretrained)]
    assert moved[0] > 0.01
    np.testing.assert_allclose(moved[1], share * moved[0], rtol=1e-5)
    assert int(inner.iterations) == 3


def test_weight_decay_follows_the_rate_of_all():
    """Decoupled decay is of the whole optimizer: 1 - rate x decay for either weight."""
    with keras.name_scope("encoder_conv"):
        pretrained = keras.Variable(np.ones((2,), "float32"), name="kernel")
    inner = optimizer("sgd", 0.1, encoder_rate=0.25, weight_decay=0.5).inner_optimizer
    inner.build([pretrained])
    inner.apply([keras.ops.zeros((2,))], [pretrained])
    value = keras.ops.convert_to_numpy(pretrained)
    np.testing.assert_allclose(value, 1 - 0.1 * 0.5, rtol=1e-6)


def test_the_running_mean_is_warmed_up():
    """By hand: the decay of step t is min(ema, (1 + t) / (10 + t)), as TensorFlow's
    ExponentialMovingAverage with num_updates; step 0 begins at the weights."""
    weight = keras.Variable([0.0])
    inner = optimizer("sgd", 1.0, ema=0.25).inner_optimizer
    inner.build([weight])
    mean = 0.0
    for step in range(4):
        inner.apply([keras.ops.convert_to_tensor([-1.0])], [weight])
        decay = min(0.25, (1 + step) / (10 + step)) if step else 0.0
        now, found = (
            float(keras.ops.convert_to_numpy(value)[0])
            for value in (weight, *moving_averages(inner))
        )
        mean = decay * mean + (1 - decay) * now
        assert found == pytest.approx(mean, rel=1e-6)
    assert inner.ema_momentum == 0.25
