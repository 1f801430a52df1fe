"""Each planted fault is found, with its name; a healthy folder gives no finding."""

import re

import pytest
from faults import FAULTS

from kerasseg.data.reading.masks.mask_flags import MaskFlags
from kerasseg.doctor import checks, pair_source
from kerasseg.doctor.survey import survey


def findings(folder, **options):
    source = pair_source.of_folder(folder, masks=MaskFlags(**options))
    return checks.run(survey(source, progress=False), source.findings)


def test_healthy(folder):
    assert findings(folder) == []


@pytest.mark.parametrize("fault", FAULTS)
def test_fault(folder, fault):
    plant, (severity, check, words) = FAULTS[fault]
    plant(folder)
    found = findings(folder)
    fitting = [
        f
        for f in found
        if (f.severity, f.check) == (severity, check)
        and re.search(words, f"{f.says} {f.fix}")
    ]
    assert fitting, [f"{f.severity} {f.check}: {f.says} {f.fix}" for f in found]
    # A fault must not drag others along: one error of another kind at most.
    errors = {f.check for f in found if f.severity == "error"} - {check}
    assert len(errors) <= 1, errors


def test_binary(folder):
    plant, _ = FAULTS["0 and 255"]
    plant(folder)
    assert findings(folder, binary=True) == []
