import pytest

from kerasseg import UserError
from kerasseg.data.datasets import yolo
from kerasseg.data.reading.text_file import text_of

TEXT = "Straße\n道路\n"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_text_is_read_without_its_mark(tmp_path, encoding):
    file = tmp_path / "classes.txt"
    file.write_bytes(TEXT.encode(encoding))
    assert text_of(file) == TEXT


@pytest.mark.parametrize("name", ["classes.txt", "train.txt", "data.yaml"])
def test_lists_of_another_encoding_are_an_error_that_names_the_file(tmp_path, name):
    (tmp_path / "images").mkdir()
    files = {
        "classes.txt": b"cat\n",
        "train.txt": b"images/a.png\n",
        "data.yaml": b"train: train.txt\nnames: [cat]\n",
    }
    if name == "classes.txt":
        files["data.yaml"] = b"train: train.txt\n"
    for other, content in files.items():
        (tmp_path / other).write_bytes(content)
    (tmp_path / name).write_bytes(files[name] + "道路\n".encode("gbk"))
    with pytest.raises(UserError, match=f"{name}.*is not UTF-8 text.*iconv"):
        yolo.load(tmp_path)
