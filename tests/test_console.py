"""How a command ends: one line for the user's mistakes, a traceback for ours."""

import compileall
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import kerasseg
from kerasseg import UserError
from kerasseg.console import command, counting, say, silenced


def ending_with(error: BaseException):
    @command
    def main(argv):
        raise error

    return main


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (UserError("Two lines:\n  what came, what to do."), "Two lines: what came"),
        (FileNotFoundError(2, "No such file", "a.png"), "No such file: 'a.png'"),
        (OSError(28, "No space left on device"), "No space left on device"),
        (MemoryError("Unable to allocate 9 GiB"), "Out of memory (MemoryError: Unable"),
        (RuntimeError("RESOURCE_EXHAUSTED: OOM\nhint"), "lower --data.batch"),
        (RuntimeError("std::bad_alloc"), "Out of memory (RuntimeError: std::bad_alloc"),
    ],
)
def test_a_mistake_of_the_user_is_one_line(capsys, error, line):
    with pytest.raises(SystemExit) as left:
        ending_with(error)([])
    assert left.value.code == 2
    (said,) = capsys.readouterr().err.splitlines()
    assert said.startswith("kerasseg test_console: error: ")
    assert line in said


@pytest.mark.parametrize("kind", [ValueError, KeyError, AssertionError])
def test_a_defect_keeps_its_traceback(capsys, kind):
    with pytest.raises(kind, match="ours"):
        ending_with(kind("ours"))([])
    assert not capsys.readouterr().err


def test_ctrl_c_is_no_defect(capsys):
    with pytest.raises(SystemExit) as left:
        ending_with(KeyboardInterrupt())([])
    assert left.value.code == 130
    assert capsys.readouterr().err.strip() == "Stopped."


def test_words_come_from_the_command_line_or_are_given(monkeypatch):
    found = []

    @command
    def main(argv):
        found.append(argv)

    monkeypatch.setattr("sys.argv", ["kerasseg", "a", "--b"])
    main()
    main(["c"])
    assert found == [["a", "--b"], ["c"]]


def test_native_noise_is_shown_only_where_it_may_tell_why(capfd):
    with silenced():
        os.write(2, b"noise\n")
    assert not capfd.readouterr().err
    with pytest.raises(UserError), silenced():
        os.write(2, b"the reason\n")
        raise UserError("stopped")
    assert capfd.readouterr().err == "the reason\n"


@pytest.mark.processes
def test_a_package_without_its_sources_tells_mistakes_alike(tmp_path):
    """Compiled files only: nothing may depend on the text of a source line."""
    copy = tmp_path / "kerasseg"
    source = Path(kerasseg.__file__).parent
    shutil.copytree(source, copy, ignore=shutil.ignore_patterns("__pycache__"))
    assert compileall.compile_dir(copy, quiet=1, legacy=True)
    for file in copy.rglob("*.py"):
        file.unlink()
    done = subprocess.run(
        [sys.executable, "-m", "kerasseg.evaluate", "/nowhere"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith("kerasseg evaluate: error: /nowhere is not a run folder")


def test_quiet_says_warnings_and_errors_only(capsys):
    @command
    def main(argv):
        assert argv == ["run"]
        print("what was done")
        print("a warning", file=sys.stderr)

    main(["run", "-q"])
    assert capsys.readouterr() == ("", "a warning\n")
    main(["run"])
    assert capsys.readouterr().out == "what was done\n"
    with pytest.raises(SystemExit):
        main(["run", "-q", "-v"])
    assert "contradict" in capsys.readouterr().err


def test_verbose_shows_native_noise_and_where_an_error_came_from(capfd):
    @command
    def main(argv):
        with silenced():
            os.write(2, b"noise\n")
        raise UserError("Wrong.")

    with pytest.raises(SystemExit):
        main(["--verbose"])
    lines = capfd.readouterr().err.splitlines()
    assert lines[:2] == ["noise", "Traceback (most recent call last):"]
    assert lines[-1] == "kerasseg test_console: error: Wrong."


def test_sentences_have_80_columns_and_names_stay_whole(capsys):
    path = "/".join(["a-long-name"] * 9)
    say(f"one two\n  three {path} {'four ' * 20}")
    lines = capsys.readouterr().out.splitlines()
    assert lines[:3] == ["one two", "  three", f"    {path}"]
    assert all(len(line) <= 80 for line in lines if path not in line)


def test_long_work_says_how_far_it_is(capsys, monkeypatch):
    monkeypatch.setattr("kerasseg.console.Step.SECONDS", 0.0)
    with counting("int8: calibrating on image", 2) as one_more:
        assert [one_more(value) for value in "ab"] == ["a", "b"]
    said = capsys.readouterr().out.splitlines()
    numbers = ["0 of 2", "1 of 2", "2 of 2"]
    assert said == [f"int8: calibrating on image {n} ..." for n in numbers]
