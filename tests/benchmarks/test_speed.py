"""The machinery of the benchmark. Nothing here is about how fast anything is."""

import importlib.util
import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from benchmarks.speed import __main__ as benchmark
from benchmarks.speed import table
from benchmarks.speed.turns import Missing, Part, Result, Side, peer, ratio, take_turns

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
FAKE = f"""
import sys
sys.path.insert(0, {str(BENCHMARKS / "peer")!r})
from protocol import serve

def build(work, log, word):
    if word == "absent":
        import no_such_package
    if word == "crash":
        raise RuntimeError("no memory")
    print("a library talks")
    def turn():
        print("and talks on")
        with open(log, "a") as file:
            file.write(f"{{work.side}} ")
        if word == "dies":
            sys.exit(3)
        return 2.5 if word == "counts" else None
    return turn, f"fake 1.0 of {{work.side}}"

serve(build)
"""


@pytest.fixture
def log(tmp_path):
    return tmp_path / "log"


@pytest.fixture
def fake(tmp_path, log):
    """word -> command of a peer that notes its turns in the log."""
    script = tmp_path / "fake.py"
    script.write_text(FAKE)
    return lambda word: [sys.executable, str(script), str(log), word]


def test_sides_of_both_processes_take_turns(fake, log):
    def ours():
        with log.open("a") as file:
            file.write("ours ")

    part = Part(
        "title",
        1,
        "ours",
        {
            "ours": lambda: Side(ours),
            "theirs": lambda: peer(fake("runs"), {"side": "theirs"}),
        },
    )
    result = take_turns(part, rounds=2, limit=60)
    assert log.read_text().split() == ["ours", "theirs"] * 3
    assert [len(had) for had in result.seconds.values()] == [2, 2]
    assert all(took > 0 for had in result.seconds.values() for took in had)
    assert result.notes == {"ours": "", "theirs": "fake 1.0 of theirs"}
    assert result.left_out == {}


def test_a_side_may_say_which_seconds_count(fake):
    side = peer(fake("counts"), {"side": "theirs"})
    assert side.turn() == side.turn() == 2.5
    side.close()


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        ("absent", "No module named 'no_such_package'"),
        ("crash", "ended with 1: RuntimeError: no memory"),
        ("dies", "ended with 3: "),
    ],
)
def test_a_peer_that_fails_is_left_out_with_its_reason(fake, word, reason):
    part = Part(
        "title",
        1,
        "ours",
        {
            "theirs": lambda: peer(fake(word), {"side": "theirs"}),
            "ours": lambda: Side(lambda: 1.0),
        },
    )
    result = take_turns(part, rounds=2, limit=60)
    assert result.seconds == {"ours": [1.0, 1.0]}
    assert reason in result.left_out["theirs"]


def test_a_peer_that_says_no_seconds_is_left_out():
    side = peer([sys.executable, "-c", "print('ready'); input(); print([0])"], {})
    with pytest.raises(Missing, match=r"said '\[0\]' where seconds were expected"):
        side.turn()
    side.close()


def test_a_peer_killed_between_turns_is_left_out_too():
    """Closing it flushes what it never read: a broken pipe, once the end of all."""
    side = peer([sys.executable, "-c", "print('ready')"], {})
    time.sleep(0.5)
    with pytest.raises(Missing, match="ended with 0"):
        side.turn()
    side.close()


def test_an_environment_that_is_not_there_is_left_out(tmp_path):
    with pytest.raises(Missing, match="No such file"):
        peer([str(tmp_path / "bin" / "python"), "script.py"], {})


def test_a_slow_side_stops_after_its_second_turn():
    sides = {"slow": lambda: Side(lambda: 9.0), "fast": lambda: Side(lambda: 1.0)}
    result = take_turns(Part("title", 1, "fast", sides), rounds=5, limit=8)
    assert result.seconds == {"slow": [9.0] * 2, "fast": [1.0] * 5}


def test_a_line_tells_when_a_side_begins_and_ends(capsys):
    """While it runs, not at the end: each line is seen by the turn after it."""
    seen = []

    def turn():
        seen.append(capsys.readouterr().out)
        return 1.0

    sides = {"ours": lambda: Side(turn), "theirs": lambda: Side(lambda: 9.0)}
    sides["absent"] = lambda: peer(["no_such_program"], {})
    take_turns(Part("title", 1, "ours", sides), rounds=3, limit=10)
    first, *middle = seen
    assert "ours begins\n  theirs begins\n  absent begins\n" in first
    assert "absent is left out: no_such_program: No such file" in first
    assert first.endswith("warming up\n")
    assert middle[:2] == ["  round 1 of 3\n", "  round 2 of 3\n"]
    assert middle[2:] == ["  theirs ends: 2 turns in 18.0 s\n  round 3 of 3\n"]
    assert capsys.readouterr().out == "  ours ends: 3 turns in 3.0 s\n"


def test_progress_is_not_held_back(tmp_path):
    """Through a pipe, a line comes before the turn it announces is over."""
    code = """
import time
from benchmarks.speed.turns import Part, Side, take_turns
sides = {"slow": lambda: Side(lambda: time.sleep(60))}
take_turns(Part("title", 1, "slow", sides), 1, 9)
"""
    words = [sys.executable, "-c", code]
    process = subprocess.Popen(
        words, stdout=subprocess.PIPE, text=True, cwd=BENCHMARKS.parent
    )
    lines = [process.stdout.readline() for _ in range(2)]
    process.kill()
    process.communicate()
    assert lines == ["  slow begins\n", "  warming up\n"]


def test_a_missing_package_of_ours_is_left_out_by_name():
    def build():
        raise ImportError("No module named 'scipy'")

    result = take_turns(Part("title", 1, "x", {"scipy's way": build}), 1, 60)
    assert result.left_out == {"scipy's way": "No module named 'scipy'"}


def test_ratio_is_the_median_over_rounds_both_have():
    # Round by round 2, 5, 3; the last two rounds have no partner.
    assert ratio([2.0, 10.0, 9.0], [1.0, 2.0, 3.0, 1.0, 1.0]) == 3


def test_table():
    part = Part("step", 8, "a", {}, (("b", "a", "b / a"), ("c", "a", "c / a")))
    result = Result(
        part,
        {"a": [0.4, 0.8, 0.5], "b": [1.0, 1.6]},
        {"b": "1 | 2"},
        {"c": "not\nhere"},
    )
    shown = table.summary(result)
    assert shown["sides"]["a"] == {
        "turns": 3,
        "median_ms_an_image": 62.5,
        "fastest_ms_an_image": 50.0,
        "images_a_second": 16.0,
        "note": "",
        "times_base": 1.0,
    }
    assert shown["ratios"] == {"b / a": 2.25}  # of 2.5 and 2
    assert json.loads(json.dumps(shown)) == shown
    assert table.markdown(shown).splitlines() == [
        "**step**",
        "",
        "| | ms an image | images/s | x a | turns | |",
        "|---|---|---|---|---|---|",
        "| a | 62.5 | 16 | 1.00 | 3 |  |",
        "| b | 162 | 6.15 | 2.25 | 2 | 1 / 2 |",
        "| c | left out | | | | not here |",
        "",
        "b / a: 2.25",
    ]


def test_a_table_without_its_base():
    part = Part("step", 1, "ours", {})
    shown = table.summary(Result(part, {"theirs": [1.0]}, {}, {"ours": "broken"}))
    assert "| theirs | 1000 | 1 |  | 1 |  |" in table.markdown(shown)


def test_command_runs_parts_and_writes_tables(tmp_path, fake, capsys):
    peers = {"write": {"fake": fake("runs"), "gone": ["no_such_program"]}}
    (tmp_path / "peers.json").write_text(json.dumps(peers))
    # A peer is handed the sizes and the folder, so this one wants no "side".
    script = tmp_path / "fake.py"
    script.write_text(script.read_text().replace("work.side", "work.count"))
    out = tmp_path / "out"
    words = ["--quick", "--only", "write", "--peers", str(tmp_path), "--out", str(out)]
    benchmark.main(words)
    found = json.loads((out / "benchmark.json").read_text())
    (part,) = found["parts"]
    assert part["part"] == "write"
    assert part["sides"]["kerasseg"]["turns"] == part["sides"]["fake"]["turns"] == 2
    assert part["sides"]["fake"]["note"] == "fake 1.0 of 16"
    assert "No such file" in part["left_out"]["gone"]
    text = (out / "benchmark.md").read_text()
    assert text.count("| gone | left out |") == 1
    shown = capsys.readouterr().out
    assert "| gone | left out |" in shown
    for line in ("write\n  kerasseg begins", "fake begins", "fake ends: 2 turns"):
        assert line in shown


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--only", "step,walk"], "Unknown part 'walk'. Known: write, read, "),
        (["--peers", "nowhere"], "nowhere/peers.json does not exist. Make it with"),
        (["--rounds", "0"], "--rounds and --batch must be at least 1, got 0 and 8."),
    ],
)
def test_wrong_inputs(words, message, capsys):
    with pytest.raises(SystemExit) as stopped:
        benchmark.main(words)
    assert stopped.value.code == 2
    assert message in capsys.readouterr().err


def test_every_peer_has_its_script_and_its_part(tmp_path):
    spec = importlib.util.spec_from_file_location("peers", BENCHMARKS / "peers.py")
    peers = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(peers)
    made = peers.commands(tmp_path)
    assert set(made) <= set(benchmark.PARTS)
    for sides in made.values():
        for python, script, *_ in sides.values():
            assert Path(script).is_file()
            assert Path(python).parts[-3] in ("torch", "keras")
    for environment in ("torch", "keras"):
        lines = (
            (BENCHMARKS / f"requirements-{environment}.txt").read_text().splitlines()
        )
        wanted = [line for line in lines if not line.startswith("#")]
        assert all("==" in line for line in wanted)
