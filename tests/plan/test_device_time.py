"""`plan --device-ms`: candidates are measured once, the first fast one is chosen."""

import math

import pytest

from kerasseg import UserError
from kerasseg.data.format.description import describe
from kerasseg.export import latency
from kerasseg.plan import __main__ as command
from kerasseg.plan import device, machine, planning, rules
from kerasseg.plan.machine import Cost

LADDER, SMALL, UNET = rules.NETWORKS


@pytest.fixture
def measured(monkeypatch, tmp_path):
    """No network is converted: these milliseconds. The cache is a folder of its own."""
    asked = []
    times = {LADDER: 40.0, SMALL: 12.0, UNET: 90.0}

    def one(model, described, size):
        asked.append((model["name"], size))
        return times[model["name"]]

    monkeypatch.setenv("KERASSEG_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(device, "_measured", one)
    monkeypatch.setattr(latency, "is_busy", lambda: False)
    cost = Cost(ready=20, traced=10, step=0.5, image=0.1)
    monkeypatch.setattr(machine, "measured", lambda settings: (settings, cost))
    return asked


@pytest.mark.parametrize(
    ("limit", "name", "tried"),
    [(50, LADDER, [LADDER]), (40, LADDER, [LADDER]), (20, SMALL, [LADDER, SMALL])],
)
def test_the_first_that_is_fast_enough(
    shared_records, measured, capsys, limit, name, tried
):
    plan = planning.planned(shared_records, 10, device_ms=limit)
    assert plan.settings.model.name == name
    assert measured == [(one, (32, 64)) for one in tried]
    network = plan.choices[0]
    assert network.what == "network" and network.value == name
    assert f"at most {limit}" in network.fact
    said = capsys.readouterr().out
    assert f"Measured: {LADDER} 40.0 ms (LiteRT int8, one thread, 32 x 64" in said


def test_it_is_measured_once(shared_records, measured):
    for _ in range(2):
        planning.planned(shared_records, 10, device_ms=50)
    assert len(measured) == 1
    planning.planned(shared_records, 10, parameters=1e6, device_ms=50)
    assert [name for name, _ in measured] == [LADDER, SMALL]


def test_beside_other_work_it_is_not_kept(shared_records, measured, monkeypatch):
    monkeypatch.setattr(latency, "is_busy", lambda: True)
    for _ in range(2):
        planning.planned(shared_records, 10, device_ms=50)
    assert len(measured) == 2


def test_none_is_fast_enough(shared_records, measured):
    with pytest.raises(UserError, match=rf"measured, ms: {LADDER} 40.0, {SMALL} 12.0"):
        planning.planned(shared_records, 10, device_ms=5)


def test_without_a_limit_nothing_is_measured(shared_records, measured):
    planning.planned(shared_records, 10, device_ms=math.inf)
    assert not measured


@pytest.mark.parametrize("text", ["0", "-1", "nan"])
def test_a_wrong_limit(shared_records, text, capsys):
    with pytest.raises(SystemExit):
        command.main([str(shared_records), "--device-ms", text])
    assert "--device-ms must be " in capsys.readouterr().err


@pytest.mark.export
def test_a_real_one(shared_records):
    model = {"name": "unet", "options": ("filters=4", "depth=2")}
    found = device._measured(model, describe(shared_records), (32, 48))
    assert 0 < found < 1000
