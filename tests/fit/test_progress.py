"""What a training tells of its epochs, in 80 columns."""

import math

import pytest

from kerasseg.fit.progress import line, seconds_left

LOGS = {"loss": 0.51234, "miou": 0.7}
VAL = {"val_loss": 0.4, "val_miou": 0.75, "gradient_norm": 1.0}


def test_a_line_counts_from_one_and_says_what_is_left():
    said = "epoch  3/12  loss 0.512  mIoU 0.700  val loss 0.400  mIoU 0.750  left 45 s"
    assert line(3, 12, LOGS | VAL, 45.0) == said
    assert "loss 1.23e+05" in line(1, 1, {"loss": 123456.7}, 0.0)
    assert line(1, 1, {"loss": 1.5}, 0.0) == "epoch 1/1  loss 1.500  left 0 s"


@pytest.mark.parametrize("loss", [0.1, 123456.7, math.nan, math.inf])
def test_it_has_80_columns(loss):
    logs = LOGS | VAL | {"loss": loss, "val_loss": loss}
    assert len(line(9999, 9999, logs, 3 * 86400 + 59)) <= 80


def test_what_is_left():
    rows = [{"seconds": "100"}, *[{"seconds": str(n)} for n in (10, 20, 30)]]
    assert seconds_left(rows, 10, 0) == 6 * 20  # by the last three
    assert seconds_left(rows, 10, 4) == 240 - 160  # the minutes end before
    assert seconds_left(rows, 10, 1) == 0
    assert seconds_left([], 10, 0) == 0
