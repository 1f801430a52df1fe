"""What commands print fits into 80 columns. The doctor and the list of networks have
tests of their own."""

import importlib
import re

import pytest

from kerasseg import __main__ as commands
from kerasseg import evaluate, preview, records
from kerasseg.__main__ import COMMANDS, PACKAGES


def too_long(text, *folders):
    """Lines of more than 80 columns, where names of temporary folders do not count."""
    for folder in folders:
        text = text.replace(f"{folder}/", "")
    return [line for line in text.splitlines() if len(line) > 80]


def test_prepare_and_a_whole_training(shared_records, shared_run):
    prepared, trained = shared_records.parent, shared_run.parents[1]
    said = (prepared / "said.txt").read_text() + (trained / "said.txt").read_text()
    for part in ("11 classes", "epoch 1/2  loss", "agreement", "gate: scoring batch"):
        assert part in said
    assert not too_long(said, prepared, trained)


def test_commands_on_a_run(own_run, shared_records, capsys):
    evaluate.main([str(own_run), "--surfaces"])
    records.main(["verify", str(shared_records)])
    preview.main(["--list"])
    said = capsys.readouterr().out
    assert "HD95" in said and not too_long(said, own_run.parent)


def test_the_list_of_commands(capsys, monkeypatch):
    monkeypatch.setattr("sys.argv", ["kerasseg"])
    commands.main()
    assert not too_long(capsys.readouterr().out)


@pytest.mark.parametrize("name", COMMANDS)
def test_help_in_80_columns_and_without_colours(name, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    module = f"kerasseg.{name}" + ".__main__" * (name in PACKAGES)
    main = importlib.import_module(module).main
    words = ["folder"] if name == "prepare" else []
    with pytest.raises(SystemExit):
        main([*words, "--help"])
    said = capsys.readouterr().out
    # tyro writes the line of usage, of commands with few flags in full.
    assert not too_long(said.partition("\n")[2])
    assert "-q (only" in " ".join(said.split())
    assert not re.search("\x1b", said)


def test_no_color_is_honoured(capsys, monkeypatch):
    """https://no-color.org: also at a terminal, where tyro would colour its boxes."""
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    with pytest.raises(SystemExit):
        evaluate.main(["--help"])
    assert "\x1b" not in capsys.readouterr().out
