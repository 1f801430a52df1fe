"""The server as it lives: many clients, a full queue, new versions, a stop."""

import asyncio
import shutil
import subprocess
import sys
import threading
import time

import jpeg_png
import numpy as np
import pytest
import tensorflow as tf
import urllib3
from servers import ServerProcess

from kerasseg.export.saved_model import warmup
from kerasseg.serve.__main__ import main
from kerasseg.serve.client import GrpcClient, Options, RestClient
from kerasseg.serve.errors import ServingError
from kerasseg.serve.flags import Serve
from kerasseg.serve.models import Models
from kerasseg.serve.ports import serve
from kerasseg.serve.versions import Versions

for package in ("grpc", "aiohttp", "orjson", "prometheus_client", "tensorflow_serving"):
    pytest.importorskip(package, reason="needs pip install 'kerasseg[serve]'")

http = urllib3.PoolManager(retries=False)
PICTURES = [
    jpeg_png.encoded(jpeg_png.noise(40, 60, 1)),
    jpeg_png.encoded(jpeg_png.noise(20, 33, 2), "PNG"),
]


def test_many_at_once_with_bad_ones_between(server, folder):
    """Batched neighbours of a bad picture are answered all the same."""
    local = tf.saved_model.load(str(folder / "1")).signatures["serve_bytes"]
    pngs = local(image_bytes=tf.constant(PICTURES))["class_map_png_bytes"]
    maps = [tf.io.decode_png(one)[..., 0].numpy() for one in pngs]
    wrong, failures = jpeg_png.bad()["cut PNG"][0], []

    def ask(number):
        kind = GrpcClient if number % 2 else RestClient
        address = server.grpc if number % 2 else server.rest
        with kind(address, "street", Options(timeout=60)) as client:
            for turn in range(8):
                bad = (turn + number) % 4 == 0
                data = wrong if bad else PICTURES[turn % 2]
                try:
                    (ids,) = client.segment([data])
                    if bad or not (ids == maps[turn % 2]).all():
                        failures.append("wrong answer")
                except ServingError as error:
                    if not bad or "image_bytes[0] cannot be" not in error.message:
                        failures.append(str(error))

    threads = [threading.Thread(target=ask, args=(n,)) for n in range(8)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert not failures


def test_a_full_queue_refuses(start, folder):
    """One row at a time, one may wait: of twelve at once some are refused."""
    server = start(folder, queue=1, batch=1)
    data, codes = [jpeg_png.encoded(jpeg_png.noise(600, 600))] * 4, []
    image = np.array(data, object)

    def ask(number):
        rest = RestClient(server.rest, "street", Options(retries=0, timeout=60))
        remote = GrpcClient(server.grpc, "street", Options(retries=0, timeout=60))
        try:
            (rest, remote)[number % 2].predict("serve_bytes", {"image_bytes": image})
            codes.append("OK")
        except ServingError as error:
            codes.append(error.code)

    threads = [threading.Thread(target=ask, args=(n,)) for n in range(12)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert set(codes) == {"OK", "RESOURCE_EXHAUSTED"}
    with RestClient(server.rest, "street", Options(retries=4, timeout=60)) as client:
        assert len(client.segment(data)) == 4
    server.stop()


@pytest.mark.processes
def test_versions_roll_over_and_back(start, folder, tmp_path, caplog):
    base = tmp_path / "street"
    shutil.copytree(folder, base)
    server = start(base)
    with GrpcClient(server.grpc, "street") as client:

        def until(number):
            for _ in range(300):
                if client.version() == number:
                    return client.segment(PICTURES)
                time.sleep(0.1)
            raise AssertionError(caplog.text)

        first = until(1)
        (base / "2").mkdir()  # half copied: passed over
        shutil.copytree(base / "1", base / "5")
        (base / "5" / warmup.FILE).write_bytes(b"damaged")
        shutil.copytree(base / "1", base / "0004")
        assert all((a == b).all() for a, b in zip(first, until(4), strict=True))
        shutil.move(base / "0004", tmp_path / "4")
        until(1)
    assert "version 5 was not loaded" in caplog.text
    assert f"{warmup.FILE} cannot be run" in caplog.text


def test_stopping_answers_what_runs(start, folder, capsys):
    server = start(folder)
    data, answers = [jpeg_png.encoded(jpeg_png.noise(1500, 1500))] * 6, []

    def ask():
        options = Options(retries=0, timeout=60)
        with GrpcClient(server.grpc, "street", options) as client:
            answers.extend(client.segment(data))

    thread = threading.Thread(target=ask)
    thread.start()
    for _ in range(1000):  # until it runs
        url = f"{server.rest}/monitoring/prometheus/metrics"
        if "batch_rows_count 1.0" in http.request("GET", url).data.decode():
            break
    server.begin_to_stop()
    thread.join()
    assert len(answers) == 6
    server.wait()
    assert "Stopping." in capsys.readouterr().out


@pytest.mark.parametrize("flag", ["port", "grpc_port"])
def test_a_port_that_is_taken_is_named(server, folder, flag):
    taken = int((server.rest if flag == "port" else server.grpc).rpartition(":")[2])
    asked = Serve(**{"port": 0, "grpc_port": 0} | {flag: taken})
    models = Models({"street": Versions("street", folder)})

    async def run():
        await serve(models, asked, asyncio.Event(), print)

    option = flag.replace("_", "-")
    with pytest.raises(ValueError, match=f"{taken}: is the port taken.*--{option}"):
        asyncio.run(run())


@pytest.mark.processes
def test_the_command_serves_until_it_is_told_to_stop(folder):
    server = ServerProcess(folder)
    rest = RestClient(server.rest, "street", Options(timeout=60))
    remote = GrpcClient(server.grpc, "street", Options(timeout=60))
    with rest, remote:
        pairs = zip(rest.segment(PICTURES), remote.segment(PICTURES), strict=True)
        assert all((one == other).all() for one, other in pairs)
    assert server.stop() == 0
    log = server.log.read_text()
    assert "Serving street, version 1: http://127.0.0.1:" in log
    assert log.endswith("Stopping.\n")


@pytest.mark.processes
def test_a_wrong_start_of_the_command_is_one_line(tmp_path):
    words = [sys.executable, "-m", "kerasseg.serve", str(tmp_path)]
    done = subprocess.run(words, capture_output=True, text=True)
    assert done.returncode == 2
    assert "holds no version" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        (["--queue", "0"], "--queue must be 1 or more"),
        (["--cert", "a.pem"], "--cert and --key, both or none"),
        (["--cors", "example.org"], "such as https://example.org, or *"),
        (["--models", "a.config"], "give no run and no --name"),
        ([], "holds no version"),
    ],
)
def test_wrong_starts_are_one_line(tmp_path, capsys, flags, says):
    with pytest.raises(SystemExit) as left:
        main([str(tmp_path), *flags])
    assert left.value.code == 2
    shown = capsys.readouterr().err
    assert says in shown
    assert len(shown.strip().splitlines()) == 1
