"""Records in memory:// and s3:// (of a server here), as fsspec gives them."""

import os

import numpy as np
import pytest
from PIL import Image

from kerasseg import prepare
from kerasseg import records as command
from kerasseg.data import records
from kerasseg.data.sample import Sample, Samples
from kerasseg.data.writing import remote_records
from kerasseg.files import remote
from kerasseg.taxonomy import Taxonomy

fsspec = pytest.importorskip("fsspec")
TAXONOMY = Taxonomy.numbered(3)


def drawn(number: int) -> Sample:
    rng = np.random.default_rng(number)
    image = rng.integers(0, 256, (6, 8, 3), np.uint8)
    return Sample(f"s{number}", image, rng.integers(0, 3, (6, 8), np.uint8))


def put(out, numbers=range(6), split="train", shards=2):
    samples = {split: Samples(numbers, drawn)}
    options = {"taxonomy": TAXONOMY, "shards": shards, "progress": False}
    return records.write_splits(samples, out, **options)


def ids(path, split="train") -> list[str]:
    return [sample.id for sample in records.read(path, split)]


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("KERASSEG_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture(scope="module")
def server():
    """The address of an S3 server in this process, with the bucket "bucket"."""
    pytest.importorskip("s3fs")
    moto = pytest.importorskip("moto.server")
    server = moto.ThreadedMotoServer(port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", "x")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "x")
        patch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
        fsspec.filesystem("s3").mkdir("bucket")
        yield
    server.stop()


@pytest.fixture(params=["memory", "s3"])
def place(request):
    """An empty folder elsewhere."""
    if request.param == "s3":
        request.getfixturevalue("server")
    url = f"{request.param}://bucket/{request.node.name.partition('[')[0]}"
    yield url
    system, root = fsspec.url_to_fs(url)
    if system.exists(root):
        system.rm(root, recursive=True)


def test_written_and_read(place, cache):
    assert put(place).path == place
    assert list(cache.iterdir()) == []
    assert remote.list_names(place) == [
        "dataset.json",
        "train-00000-of-00002.tfrecord",
        "train-00001-of-00002.tfrecord",
    ]
    assert ids(place) == [f"s{n}" for n in range(6)]
    put(place, [7], "val")
    assert ids(place, "val") == ["s7"]
    put(place, [8])
    assert ids(place) == ["s8"]
    assert [n for n in remote.list_names(place) if n.startswith("train")] == [
        "train-00000-of-00001.tfrecord"
    ]
    assert set(records.verify(place, progress=False).splits) == {"train", "val"}


def test_a_shard_is_downloaded_once_and_checked(place, monkeypatch):
    put(place)
    assert len(ids(place)) == 6
    asked, download = [], remote.download

    def counted(path, name, file):
        asked.append(name)
        download(path, name, file)

    monkeypatch.setattr(remote, "download", counted)
    assert len(ids(place)) == 6
    assert set(asked) == {"dataset.json"}
    name = "train-00001-of-00002.tfrecord"
    system, root = fsspec.url_to_fs(place)
    stored = system.cat_file(f"{root}/{name}")
    system.pipe_file(f"{root}/{name}", stored[:30] + b"x" + stored[31:])
    with pytest.raises(ValueError, match=f"{place}/{name} is damaged or another"):
        records.verify(place, progress=False)
    system.rm_file(f"{root}/{name}")
    with pytest.raises(ValueError, match=f"{place}/{name} is missing"):
        records.verify(place, progress=False)


def test_what_was_sent_in_part_is_no_records_and_goes_on(place, cache, monkeypatch):
    sent, upload = [], remote.upload

    def failing(file, path, name):
        if name.startswith("train-00001"):
            raise OSError("the line is down")
        upload(file, path, name)

    with monkeypatch.context() as patch:
        patch.setattr(remote, "upload", failing)
        with pytest.raises(OSError, match="the line is down"):
            put(place)
    assert remote.list_names(place) == ["train-00000-of-00002.tfrecord"]
    with pytest.raises(ValueError, match=r"has no dataset\.json, so it holds no rec"):
        records.describe(place)
    monkeypatch.setattr(remote, "upload", lambda *of: (sent.append(of[2]), upload(*of)))
    put(place)
    assert sent == ["train-00001-of-00002.tfrecord", "dataset.json"]
    assert ids(place) == [f"s{n}" for n in range(6)]


def test_another_shard_of_the_same_size_and_end_is_uploaded_and_downloaded(place):
    def blank(number, value):
        image = np.zeros((6, 8, 3), np.uint8)
        return Sample(f"s{number}", image, np.full((6, 8), value, np.uint8))

    for values in (1, 0), (2, 0):
        made = [blank(number, value) for number, value in enumerate(values)]
        records.write(made, place, "train", taxonomy=TAXONOMY, shards=1, progress=False)
        labels = [int(s.label.max()) for s in records.read(place, "train")]
        assert labels == list(values)


def test_a_folder_of_something_else_is_refused(place):
    system, root = fsspec.url_to_fs(place)
    system.makedirs(root, exist_ok=True)
    system.pipe_file(f"{root}/holiday.jpg", b"x")
    with pytest.raises(ValueError, match=r"not empty and .* but holiday\.jpg"):
        put(place)
    assert remote.list_names(place) == ["holiday.jpg"]


def test_commands(place, tmp_path, capsys):
    """A source elsewhere is prepared to records elsewhere, and these are verified."""
    system, root = fsspec.url_to_fs(place)
    for kind, shape in {"images": (8, 9, 3), "masks": (8, 9)}.items():
        system.makedirs(f"{root}/src/{kind}", exist_ok=True)
        for name in "abcd":
            pixels = (np.arange(np.prod(shape)) % 2).astype(np.uint8).reshape(shape)
            Image.fromarray(pixels).save(tmp_path / "x.png")
            system.put_file(str(tmp_path / "x.png"), f"{root}/src/{kind}/{name}.png")
    prepare.main(["folder", f"{place}/src", f"{place}/out", "--val-share", "0.25"])
    command.main(["verify", f"{place}/out"])
    assert "train: 3 samples in 3 shards" in capsys.readouterr().out
    local = remote_records.fetched(prepare.Path(f"{place}/out"))
    assert records.describe(local).splits == records.describe(f"{place}/out").splits


def test_only_what_changed_is_downloaded(place):
    system, root = fsspec.url_to_fs(place)
    for name, text in ("a/x", b"1"), ("a/y", b"2"), ("z", b"3"):
        system.makedirs(f"{root}/{name}".rpartition("/")[0], exist_ok=True)
        system.pipe_file(f"{root}/{name}", text)
    folder = remote.fetched(place)
    before = (folder / "z").stat().st_mtime_ns
    system.pipe_file(f"{root}/a/x", b"longer")
    system.rm_file(f"{root}/a/y")
    assert remote.fetched(place) == folder
    assert (folder / "a" / "x").read_bytes() == b"longer"
    assert not (folder / "a" / "y").exists()
    assert (folder / "z").stat().st_mtime_ns == before
    assert remote.fetched(f"{place}/z").read_bytes() == b"3"
    with pytest.raises(ValueError, match="There is nothing at"):
        remote.fetched(f"{place}/none")


def test_paths():
    for path in "s3://b/x", "gs://b", prepare.Path("s3://b/x"), "memory:/x":
        assert remote.is_remote(path)
    for path in "b/x", "/b", "C:/x", "tfds:x", prepare.Path("b"):
        assert not remote.is_remote(path)
    assert remote.url_of(prepare.Path("s3://b/x/")) == "s3://b/x"
    assert remote.url_of("file:///a/b") == "file:///a/b"


@pytest.mark.parametrize(
    ("url", "message", "package"),
    [
        ("s3://b/x", "Install s3fs to access S3", r"'kerasseg\[remote\]'"),
        ("gs://b/x", "Please install gcsfs", r"'kerasseg\[remote\]'"),
        ("abfs://b/x", "Install adlfs to access Azure", "adlfs"),
        (
            "sftp://h/x",
            'SFTPFileSystem requires "paramiko" to be installed',
            "paramiko",
        ),
        ("oss://h/x", "No module named 'fsspec'", r"'kerasseg\[remote\]'"),
    ],
)
def test_a_missing_package_is_named(monkeypatch, capsys, url, message, package):
    def missing(url):
        raise ImportError(message)

    monkeypatch.setattr(fsspec.core, "url_to_fs", missing)
    with pytest.raises(ValueError, match=f"pip install {package}$"):
        records.describe(url)
    with pytest.raises(SystemExit):
        command.main(["verify", url])
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_what_a_file_system_raises_is_one_line(monkeypatch):
    def refused(*_):
        raise RuntimeError("no credentials")

    system = fsspec.filesystem("memory")
    monkeypatch.setattr(type(system), "get_file", refused)
    message = "memory://b/x could not be read or written .RuntimeError: no credentials"
    with pytest.raises(OSError, match=message):
        records.describe("memory://b/x")
    with pytest.raises(ValueError, match="nowhere://b cannot be opened: Protocol not"):
        records.describe("nowhere://b")


def test_local_paths_do_not_import_fsspec():
    # The cache is not made either.
    assert remote_records.fetched(prepare.Path("x")) == prepare.Path("x")
    assert not os.path.exists(os.environ["KERASSEG_CACHE"])  # noqa: PTH110
