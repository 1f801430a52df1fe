"""The examples in docstrings give what they say, on every backend."""

import doctest
import importlib
import pkgutil
import re

import numpy as np
import pytest

pytestmark = pytest.mark.agnostic
PARTS = (
    *("border", "labels", "losses", "metrics", "models.encoders", "models", "taxonomy"),
    "upsampling",
)
NUMBER = re.compile(r"-?\d+\.?\d*(?:e[+-]?\d+)?")


class CloseNumbers(doctest.OutputChecker):
    """Numbers may differ by 1e-3 of their size, and white space by any amount."""

    def check_output(self, want: str, got: str, optionflags: int) -> bool:
        wanted, found = ("".join(NUMBER.sub("#", text).split()) for text in (want, got))
        if wanted != found:
            return False
        numbers = [np.array(NUMBER.findall(text), float) for text in (want, got)]
        return np.allclose(*numbers, rtol=1e-3, atol=1e-6)


def modules(part: str):
    """`kerasseg.part` and, if it is a package, the modules inside."""
    whole = importlib.import_module(f"kerasseg.{part}")
    inside = pkgutil.iter_modules(getattr(whole, "__path__", []), f"{whole.__name__}.")
    return [whole, *(importlib.import_module(found.name) for found in inside)]


@pytest.mark.parametrize("part", PARTS)
def test_examples_give_what_they_say(part):
    finder = doctest.DocTestFinder(exclude_empty=True)
    runner = doctest.DocTestRunner(CloseNumbers())
    texts: list[str] = []
    for module in modules(part):
        for example in finder.find(module):
            runner.run(example, out=texts.append)
    assert runner.tries, "no example: leave the part out of PARTS"
    assert not runner.failures, "".join(texts)


def test_a_wrong_example_is_found():
    parser, runner = doctest.DocTestParser(), doctest.DocTestRunner(CloseNumbers())
    for text, failures in (">>> 1.0001\n1.0\n", 0), (">>> 1.1\n1.0\n", 1):
        example = parser.get_doctest(text, {}, "text", None, None)
        assert runner.run(example, out=lambda _: None).failed == failures
