"""What the chaos command compares and what it calls held; the command itself takes an
hour: `python -m benchmarks.chaos`."""

import json

import pytest

from benchmarks.fire import state, trials, walk


def write(folder, files):
    for name, text in files.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return state.facts(folder)


def test_facts_are_values_of_files_without_times_of_the_walk(tmp_path):
    run = "runs/walk-1"
    found = write(
        tmp_path,
        {
            f"{run}/metrics.json": json.dumps({"iou": [0.5, None]}),
            f"{run}/log.csv": "epoch,loss\n0,0.25\n",
            f"{run}/.lock": "",
            f"{run}/tensorboard/events": "times",
            f"{run}/export/1/saved_model.pb": "of a killed export",
            f"{run}/export/2/saved_model.pb": "new",
            f"{run}/export/gate.json": json.dumps([{"file": "2"}]),
        },
    )
    assert found == {
        f"{run}/metrics.json /iou/0": "0.5",
        f"{run}/metrics.json /iou/1": "None",
        f"{run}/log.csv /0/epoch": "'0'",
        f"{run}/log.csv /0/loss": "'0.25'",
        f"{run}/export/N/saved_model.pb": "there",
        f"{run}/export/gate.json /0/file": "'N'",
        f"{run}/export/gate.json /0/bytes": "'as many as its names need'",
    }


def test_what_two_walks_wrote_alike_must_be_alike_again():
    end = state.Undisturbed({"iou": "0.5", "at": "3 s"}, {"iou": "0.5", "at": "4 s"})
    assert end.exact() == 1
    assert end.differences({"iou": "0.5", "at": "9 s"}) == []
    assert end.differences({"iou": "0.4"}) == ["missing: at", "differs: iou"]
    assert end.differences({"iou": "0.5", "at": "", ".7.a": ""}) == ["too much: .7.a"]


LINE = "kerasseg train: error: no"


@pytest.mark.parametrize(
    ("ended", "held"),
    [
        (walk.Ended(2, f"one\n{LINE}\n", 0.0, 0), True),
        (walk.Ended(2, "", 0.0, 0), False),
        (walk.Ended(1, LINE, 0.0, 0), False),
        (walk.Ended(-11, "", 0.0, 0), False),
        (walk.Ended(2, f"Traceback\n{LINE}", 0.0, 0), False),
        (walk.Ended(2, LINE, 0.0, 3), False),
    ],
)
def test_a_refusal_is_one_line_and_exit_code_2(ended, held):
    assert (trials.refused(ended) == []) is held
