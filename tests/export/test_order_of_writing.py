"""What an accelerator may refuse is written before what takes minutes."""

from kerasseg.export.formats import artefacts
from kerasseg.export.writing import Writer


def test_what_may_not_fit_comes_first(tmp_path, monkeypatch):
    written = []
    monkeypatch.setattr(Writer, "__post_init__", lambda self: None)
    monkeypatch.setattr(Writer, "_write", lambda self, name, *_: written.append(name))
    wanted = artefacts(["saved_model", "int8", "opencv"], "both", ["edgetpu"])
    files = Writer(tmp_path, None, [], (), {}).write(wanted, tmp_path)
    assert written == ["opencv", "edgetpu", "saved_model", "int8"]
    assert list(files) == list(wanted)
