"""Acts after a training are done once, whoever is killed between them."""

import pytest

from kerasseg.runs.acts import Acts


def test_an_act_that_was_done_is_not_done_again(tmp_path, capsys):
    said, file = [], tmp_path / "done.json"
    acts = Acts(file)
    acts.once("scored", lambda: said.append("score"))
    with pytest.raises(OSError, match="full"):
        acts.once("exported", lambda: (_ for _ in ()).throw(OSError("disk full")))
    again = Acts(file)
    for name in ("scored", "exported"):
        again.once(name, lambda name=name: said.append(name))
    assert said == ["score", "exported"]
    assert capsys.readouterr().out == "Before the run was stopped: scored\n"
    again.forget()
    assert Acts(file).done == []


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"done": 3}', "\xff"])
def test_a_damaged_file_counts_as_none(tmp_path, text):
    (tmp_path / "done.json").write_text(text, encoding="latin-1")
    assert Acts(tmp_path / "done.json").done == []
