"""The command `python -m kerasseg.models`."""

import os
import re
import subprocess
import sys

import pytest

from kerasseg.models import MODELS
from kerasseg.models.__main__ import COLUMNS, _line, main


def test_rows_hold_the_known_numbers(capsys):
    """naive: architectures.md section 0. unet_valid: 31,031,810 parameters for two
    classes of a colour image, a logit sees up to 204 pixels."""
    main("--names naive unet_valid fcn32s --size 204 188 --classes 2".split())
    _, naive, valid, fcn = map(str.split, capsys.readouterr().out.splitlines())
    parameters = 9 * 3 * 64 + 64 + 2 * (9 * 64 * 64 + 64) + 64 * 2 + 2
    assert naive[:2] == ["naive", f"{parameters:,}"]
    assert naive[-2:] == ["7x7", "1x1"]
    assert valid[1] == "31,031,810"
    assert valid[-2] == "204x204"
    assert fcn[-2] == "436x436"  # two scores of 404 at stride 32


def test_other_bands_change_the_first_kernel_only(capsys):
    main("--names naive --size 16 16 --bands 8 --classes 2".split())
    _, naive = map(str.split, capsys.readouterr().out.splitlines())
    parameters = 9 * 8 * 64 + 64 + 2 * (9 * 64 * 64 + 64) + 64 * 2 + 2
    assert naive[1] == f"{parameters:,}"


def test_a_size_that_does_not_work_is_said_in_its_row(capsys):
    main("--names unet vnet --size 100 96".split())
    out = capsys.readouterr().out
    _, unet, vnet = re.split(r"\n(?=\S)", out)
    assert "cannot take size 100: it must be a multiple of 16" in words(unet)
    assert "cannot take size 100" in words(vnet)
    assert max(map(len, out.splitlines())) <= 80


def words(text):
    return " ".join(text.split())


def test_the_longest_row_has_80_columns():
    longest = max(MODELS, key=len)
    cells = (longest, "134,315,643", "526.6", "6228", "538", "2452x2452", "1x1")
    assert len(_line(cells, len(longest))) <= 80
    assert len(_line(COLUMNS, len(longest))) <= 80


@pytest.mark.parametrize(
    "arguments, message",
    [
        ("--names unett", r"Unknown model 'unett'. Known: naive, "),
        ("--size 96", "Expected --size with 2 or 3 positive numbers, got 96"),
        ("--classes 0", "--classes must be 1 or more, got 0."),
        ("--bands 0", "--bands must be 1 or more, got 0."),
    ],
)
def test_wrong_arguments_are_one_line(arguments, message, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(arguments.split())
    assert stopped.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line


def test_help_loads_no_framework():
    code = """
import sys
from kerasseg.models.__main__ import main
try:
    main(["--help"])
except SystemExit:
    print([name for name in ("tensorflow", "jax", "keras") if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == "[]", done.stderr


@pytest.mark.processes
def test_nothing_but_the_table_is_printed():
    """Not what TensorFlow says when it starts."""
    command = "-m kerasseg.models --names naive --size 16 16".split()
    environment = {k: v for k, v in os.environ.items() if k != "TF_CPP_MIN_LOG_LEVEL"}
    done = subprocess.run(
        [sys.executable, *command], env=environment, capture_output=True, text=True
    )
    assert done.stderr == ""
    assert len(done.stdout.splitlines()) == 2
