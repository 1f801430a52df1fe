"""No network is forgotten: what MODELS names is in tests/networks.py and has laws."""

import re
from pathlib import Path

from networks import ADVICE, BY_HEART, CHOSEN, SAME_AS, SMALL

from kerasseg.models import MODELS, function


def modules(names):
    return {MODELS[name][0].split(".")[0] for name in names}


def test_every_name_has_a_small_form_and_a_test_file():
    assert sorted(SMALL) == sorted(MODELS)
    assert sorted(BY_HEART) == sorted(MODELS)
    files = Path(__file__).parent.glob("test_*.py")
    text = "".join(file.read_text(encoding="utf-8") for file in files)
    tested = re.findall(r'\(NetworkLaws\):\n    module = "(\w+)"', text)
    assert sorted(tested) == sorted(modules(MODELS))


def test_every_module_has_a_chosen_name():
    assert modules(CHOSEN) == modules(MODELS)


def test_names_that_are_left_out_are_the_same_network_as_another():
    """The same function with the same options, once the small ones are set."""

    def made(name):
        _, options = SMALL[name]
        whole = function(name)
        return whole.func, whole.args, whole.keywords | options

    for name, other in SAME_AS.items():
        assert made(name) == made(other)


def test_all_that_take_any_size_are_tested_with_odd_ones():
    even = {
        name
        for name, ((rows, columns, _), _) in SMALL.items()
        if not rows % 2 and not columns % 2
    }
    assert even == set(ADVICE)
