"""Choice of classes by name, for any source."""

import numpy as np
import pytest

from kerasseg import UserError
from kerasseg.data.preparing.classes import (
    ClassChoice,
    choose,
    lookup_table,
    refuse_one_class,
)
from kerasseg.data.sample import Sample, Samples
from kerasseg.taxonomy import Taxonomy

CLASSES = Taxonomy(
    ("road", "car", "bus", "sky"), ((1, 1, 1), (2, 2, 2), (3, 3, 3), (4, 4, 4))
)


def read(entry):
    label = np.array([[0, 1, 2, 3, 255]], np.uint8)
    return Sample(entry, np.zeros((1, 5, 3), "u1"), label, label.astype(np.uint16))


CHOICES = {
    "keep": (ClassChoice(keep=("sky", "road")), "road sky", [0, 255, 255, 1, 255]),
    "drop": (ClassChoice(drop=("bus",)), "road car sky", [0, 1, 255, 2, 255]),
    "merge": (
        ClassChoice(merge=("vehicle=bus,car",)),
        "road vehicle sky",
        [0, 1, 1, 2, 255],
    ),
    "merge into one of them": (
        ClassChoice(merge=("car=car,bus",), drop=("sky",)),
        "road car",
        [0, 1, 1, 255, 255],
    ),
    "rest": (
        ClassChoice(merge=("rest=*",), keep=("rest", "car")),
        "rest car",
        [0, 1, 0, 0, 255],
    ),
}


@pytest.mark.parametrize("kind", CHOICES)
def test_choice(kind):
    choice, names, label = CHOICES[kind]
    source = {"train": Samples(["a"], read, source={"masks": {"line": "ids"}})}
    taxonomy, splits = choose(CLASSES, source, choice)
    assert taxonomy.names == tuple(names.split())
    (sample,) = splits["train"]
    assert sample.label.tolist() == [label]
    assert sample.instance.tolist() == [[0, 1, 2, 3, 255]]
    assert splits["train"].source["masks"] == {"line": "ids"}
    assert "Classes: " in splits["train"].source["classes"]["line"]


def test_no_choice_changes_nothing():
    source = {"train": Samples(["a"], read)}
    assert choose(CLASSES, source, ClassChoice())[1] is source


def test_a_merged_class_has_the_colour_of_its_first_part():
    chosen, _, line = lookup_table(CLASSES, ClassChoice(merge=("v=bus,car",)))
    assert chosen.colours[1] == (3, 3, 3)
    assert line == "Classes: 3 of 4; v is bus, car."


WRONG = {
    "--keep raod: no class is called that. The nearest is road": {"keep": ("raod",)},
    "--drop bus: no class": {"drop": ("bus",), "merge": ("v=bus,car",)},
    "--keep and --drop": {"keep": ("road",), "drop": ("car",)},
    "leaves no class": {"drop": CLASSES.names},
    "Expected --merge NEW=A,B,C, got 'car'": {"merge": ("car",)},
    "puts car into a and into b": {"merge": ("a=car", "b=car,bus")},
    "road is a class already": {"merge": ("road=car,bus",)},
    "every class is named elsewhere": {"merge": ("x=*",), "keep": CLASSES.names},
    "makes a twice": {"merge": ("a=car", "a=bus")},
}


@pytest.mark.parametrize("message", WRONG)
def test_wrong_choices(message):
    with pytest.raises(UserError, match=message.replace("*", r"\*")):
        lookup_table(CLASSES, ClassChoice(**WRONG[message]))


def test_one_class_is_refused_with_the_cause():
    one = Taxonomy.named(["road"])
    with pytest.raises(UserError, match=r"set ends with one class, road.*--binary"):
        refuse_one_class("set", one, ClassChoice())
    with pytest.raises(UserError, match="--keep, --drop and --merge leave no other"):
        refuse_one_class("set", one, ClassChoice(keep=("road",)))
    refuse_one_class("set", CLASSES, ClassChoice())
