"""pipelines/serving: what its files say, read by the messages they are for."""

import shutil
import subprocess
from pathlib import Path

import pytest
from google.protobuf import (
    descriptor_pb2,
    descriptor_pool,
    message_factory,
    text_format,
)

FOLDER = Path(__file__).parents[2] / "pipelines" / "serving"


def read(file, message):
    return text_format.Parse((FOLDER / file).read_text(), message)


def message(package, name, fields, imports=()):
    """An empty message of a descriptor written here: (name, number, type, label)."""
    file = descriptor_pb2.FileDescriptorProto(
        name=f"{name}.proto", package=package, dependency=imports, syntax="proto3"
    )
    made = file.message_type.add(name=name)
    for field, number, kind, repeated in fields:
        one = made.field.add(name=field, number=number)
        one.label = one.LABEL_REPEATED if repeated else one.LABEL_OPTIONAL
        if kind.startswith("."):
            one.type, one.type_name = one.TYPE_MESSAGE, kind
        else:
            one.type = getattr(one, f"TYPE_{kind}")
    pool = descriptor_pool.DescriptorPool()
    for imported in imports:
        default = descriptor_pool.Default().FindFileByName(imported)
        pool.AddSerializedFile(default.serialized_pb)
    pool.Add(file)
    found = pool.FindMessageTypeByName(f"{package}.{name}")
    return message_factory.GetMessageClass(found)()


def batching_parameters():
    """BatchingParameters of session_bundle_config.proto, which no wheel carries."""
    from google.protobuf import wrappers_pb2

    whole, flag = ".google.protobuf.Int64Value", ".google.protobuf.BoolValue"
    fields = [
        ("max_batch_size", 1, whole, False),
        ("batch_timeout_micros", 2, whole, False),
        ("max_enqueued_batches", 3, whole, False),
        ("num_batch_threads", 4, whole, False),
        ("thread_pool_name", 5, ".google.protobuf.StringValue", False),
        ("allowed_batch_sizes", 6, "INT64", True),
        ("pad_variable_length_inputs", 7, "BOOL", False),
        ("enable_large_batch_splitting", 8, flag, False),
        ("max_execution_batch_size", 9, whole, False),
    ]
    wrappers = wrappers_pb2.DESCRIPTOR.name
    return message("tensorflow.serving", "BatchingParameters", fields, [wrappers])


def test_models_config():
    config = pytest.importorskip("tensorflow_serving.config.model_server_config_pb2")
    read_config = read("models.config", config.ModelServerConfig())
    (model,) = read_config.model_config_list.config
    assert (model.name, model.base_path) == ("segmentation", "/models/segmentation")
    assert model.model_version_policy.latest.num_versions == 1
    pinned = read("pinned.config", config.ModelServerConfig())
    (model,) = pinned.model_config_list.config
    assert list(model.model_version_policy.specific.versions) == [1, 2]
    assert dict(model.version_labels) == {"stable": 1, "canary": 2}


def test_batching_parameters():
    given = read("batching.config", batching_parameters())
    assert given.allowed_batch_sizes[-1] == given.max_batch_size.value == 8
    assert list(given.allowed_batch_sizes) == sorted(set(given.allowed_batch_sizes))
    with pytest.raises(text_format.ParseError):
        text_format.Parse("max_batch_sise { value: 1 }", batching_parameters())


def test_monitoring_config():
    path = "prometheus_config { enable: true path: "
    assert path in (FOLDER / "monitoring.config").read_text()


def test_compose_files():
    yaml = pytest.importorskip("yaml")
    whole = yaml.safe_load((FOLDER / "compose.yaml").read_text())
    serving = whole["services"]["serving"]
    image, tag = serving["image"].split(":")
    assert (image, tag.count(".")) == ("tensorflow/serving", 2)
    assert all(port.startswith("127.0.0.1:") for port in serving["ports"])
    assert serving["read_only"] is True
    assert all(volume["read_only"] for volume in serving["volumes"])
    batching = yaml.safe_load((FOLDER / "batching.yaml").read_text())
    command = batching["services"]["serving"]["command"]
    assert command[: len(serving["command"])] == serving["command"]
    for flag in command:
        if "/config/" in flag:
            assert (FOLDER / flag.split("/config/")[1]).is_file()


def roll(*words):
    bash = shutil.which("bash")
    if not bash:
        pytest.skip("needs bash")
    words = [bash, FOLDER / "roll.sh", *words]
    return subprocess.run([*map(str, words)], capture_output=True, text=True)


def test_roll_over_and_back(tmp_path):
    export, base = tmp_path / "export" / "1", tmp_path / "models" / "street"
    export.mkdir(parents=True)
    (export / "saved_model.pb").write_bytes(b"model")
    for number in (1, 2, 3):
        done = roll("add", base, export)
        assert done.returncode == 0, done.stderr
        assert f"Version {number} is there" in done.stdout
    assert (base / "3" / "saved_model.pb").read_bytes() == b"model"
    assert "Back to version 2" in roll("back", base).stdout
    assert roll("list", base).stdout.split() == ["1", "2"]
    assert (base / "back" / "3" / "saved_model.pb").is_file()
    # A number that was served once is never given to another network.
    assert "Version 4 is there" in roll("add", base, export).stdout
    assert sorted(f.name for f in base.iterdir()) == ["1", "2", "4", "back"]


def test_roll_refuses(tmp_path):
    for words in ([], ["add", tmp_path], ["fly", tmp_path]):
        done = roll(*words)
        assert done.returncode == 2
        assert "roll.sh add" in done.stderr
    assert "is not a SavedModel" in roll("add", tmp_path / "a", tmp_path).stderr
    assert "no version before" in roll("back", tmp_path).stderr
