"""No test measures how fast anything is."""

import pytest

from kerasseg.export import latency


@pytest.fixture(autouse=True)
def short_measurement(monkeypatch):
    """`latency.measure` runs a network five times instead of for seconds."""
    monkeypatch.setattr(latency, "SECONDS", 0)
