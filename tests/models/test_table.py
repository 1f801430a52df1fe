"""The command `python -m kerasseg.models`."""

import os
import re
import subprocess
import sys

import pytest

from kerasseg.models.__main__ import main


def cells(line):
    return re.split(r" {2,}", line)


def test_rows_hold_the_known_numbers(capsys):
    """naive: architectures.md section 0. unet_valid: 31,031,810 parameters for two
    classes of a colour image, a logit sees up to 204 pixels."""
    main("--names naive unet_valid fcn32s --size 204 188 --classes 2".split())
    _, naive, valid, fcn = map(cells, capsys.readouterr().out.splitlines())
    parameters = 9 * 3 * 64 + 64 + 2 * (9 * 64 * 64 + 64) + 64 * 2 + 2
    assert naive[:3] == ["naive", f"{parameters:,}", f"{parameters:,}"]
    assert naive[-2:] == ["7 x 7", "1 x 1"]
    assert valid[1] == valid[2] == "31,031,810"
    assert valid[-2] == "204 x 204"
    assert fcn[-2] == "436 x 436"  # two scores of 404 at stride 32


def test_other_bands_change_the_first_kernel_only(capsys):
    main("--names naive --size 16 16 --bands 8 --classes 2".split())
    _, naive = map(cells, capsys.readouterr().out.splitlines())
    parameters = 9 * 8 * 64 + 64 + 2 * (9 * 64 * 64 + 64) + 64 * 2 + 2
    assert naive[1] == f"{parameters:,}"


def test_a_size_that_does_not_work_is_said_in_its_row(capsys):
    main("--names unet vnet --size 100 96".split())
    _, unet, vnet = capsys.readouterr().out.splitlines()
    assert "cannot take size 100: it must be a multiple of 16" in unet
    assert "cannot take size 100" in vnet


@pytest.mark.parametrize(
    "arguments, message",
    [
        ("--names unett", r"Unknown model 'unett'. Known: naive, "),
        ("--size 96", "Expected --size with 2 or 3 positive numbers, got 96"),
        ("--classes 0", "Expected --classes of at least 1"),
        ("--bands 0", "Expected --bands of at least 1"),
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
