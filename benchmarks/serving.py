"""Load on `python -m kerasseg.serve`: right answers, errors, memory, latency.

    python benchmarks/serving.py [--requests 5000] [--clients 32] [--run RUN]

Loopback only. Clients take turns of REST and gRPC; the pictures have five sizes, one
good request in five sends pixels, and one request in ten is malformed. Each good one is
compared with the SavedModel run here, each bad one must be an error of the right kind.
With --roll the version is replaced by an equal one of a higher number so many times.
Exit code 1 when one is not, or when the server's memory grew by more than --growth
after the first fifth of the requests. Without --run a tiny U-Net is served: the server
is measured, not the network.
"""

from __future__ import annotations

import argparse
import io
import os
import re
import shutil
import signal
import statistics
import struct
import subprocess
import sys
import tempfile
import threading
import time
import zlib
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

SIZES = [(32, 48), (60, 40), (120, 160), (201, 99), (240, 320)]


def main() -> None:
    flags = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    flags.add_argument("--requests", type=int, default=5000)
    flags.add_argument("--clients", type=int, default=32)
    flags.add_argument("--growth", type=float, default=0.05, help="share, at most")
    flags.add_argument("--run", default="", help="run, or folder of versions")
    flags.add_argument("--roll", type=int, default=0, help="new versions on the way")
    asked = flags.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        base = Path(asked.run) if asked.run else tiny(Path(folder, "model"))
        base = base / "export" if (base / "export").is_dir() else base
        good = answers(base)
        server, rest, grpc = started(base, asked.clients)
        try:
            passed = load(asked, base, good, rest, grpc, server.pid)
        finally:
            server.send_signal(signal.SIGTERM)
            code = server.wait(60)
    print(f"server's exit code: {code}")
    sys.exit(0 if passed and code == 0 else 1)


def load(asked, base: Path, good, rest: str, grpc: str, pid: int) -> bool:
    from kerasseg.serve.client import GrpcClient, Options, RestClient
    from kerasseg.serve.errors import ServingError

    failures, seconds, memory, wrong = [], [], [], bad(good[0][0])
    lock, numbers = threading.Lock(), iter(range(asked.requests))
    every = asked.requests // (asked.roll + 1)

    def client(number: int) -> None:
        kind, address = ((RestClient, rest), (GrpcClient, grpc))[number % 2]
        with kind(address, "model", Options(timeout=120)) as made:
            while True:
                with lock:
                    turn = next(numbers, None)
                    if turn is None:
                        return
                    if turn % 50 == 0:
                        memory.append(resident(pid))
                    if asked.roll and turn % every == every - 1:
                        roll(base)
                start = time.perf_counter()
                failure = malformed(made, turn) if turn % 10 == 9 else right(made, turn)
                with lock:
                    seconds.append(time.perf_counter() - start)
                    failures.extend([failure] if failure else [])

    def right(made, turn: int) -> str:
        data, expected, image, of_image = good[turn % len(good)]
        try:
            if turn % 5:
                (ids,) = made.segment([data])
            else:
                given = {"image": image[None]}
                answer = made.predict("serving_default", given, ["class_map"])
                ids, expected = answer["class_map"][0], of_image
        except ServingError as error:
            return f"good request {turn}: {error}"
        return "" if (ids == expected).all() else f"request {turn}: another class map"

    def malformed(made, turn: int) -> str:
        name, (signature, inputs) = list(wrong.items())[turn // 10 % len(wrong)]
        try:
            made.predict(signature, inputs)
        except ServingError as error:
            kind = error.code == "INVALID_ARGUMENT"
            return "" if kind else f"bad request {turn} ({name}): {error}"
        return f"bad request {turn} ({name}) was answered"

    threads = [threading.Thread(target=client, args=(n,)) for n in range(asked.clients)]
    start, before = time.perf_counter(), processor_seconds(pid)
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    took, used = time.perf_counter() - start, processor_seconds(pid) - before
    memory.append(resident(pid))
    early = max(memory[: len(memory) // 5 + 1])
    grown = max(memory[-len(memory) // 5 :]) / early - 1
    points = statistics.quantiles(seconds, n=100)
    print(f"{len(seconds)} requests, {asked.clients} clients, {os.cpu_count()} cores")
    print(f"throughput {len(seconds) / took:.1f} requests/s in {took:.0f} s")
    print(f"processor  {1e3 * used / len(seconds):.1f} ms of the server a request")
    print(f"latency    p50 {1e3 * points[49]:.0f} ms, p99 {1e3 * points[98]:.0f} ms")
    print(
        f"memory     {memory[0]:.0f} MB at first, {early:.0f} MB in the first fifth, "
        f"{max(memory[-len(memory) // 5 :]):.0f} MB in the last ({100 * grown:+.1f} %)"
    )
    print(f"failures   {len(failures)}", *failures[:5], sep="\n           ")
    return not failures and len(seconds) == asked.requests and grown <= asked.growth


def tiny(base: Path) -> Path:
    from kerasseg import models
    from kerasseg.export.saved_model import signatures

    network = models.build("unet_small", 3, (32, 48, 3), filters=4, depth=2)
    signatures.write(network, base / "1", name="model")
    return base


def roll(base: Path) -> None:
    """The highest version again, as the next one; the one before it goes."""
    number = max(int(f.parent.name) for f in base.glob("*/saved_model.pb"))
    shutil.copytree(base / str(number), base / ".next")
    (base / ".next").rename(base / str(number + 1))
    shutil.rmtree(base / str(number - 1), ignore_errors=True)


def answers(base: Path) -> list[tuple[bytes, np.ndarray, np.ndarray, np.ndarray]]:
    """Encoded pictures and the class maps the SavedModel gives here; and pixels."""
    import tensorflow as tf

    number = max(int(f.parent.name) for f in base.glob("*/saved_model.pb"))
    served = tf.saved_model.load(str(base / str(number)))
    found, rng = [], np.random.default_rng(0)
    for height, width in SIZES:
        for kind in ("JPEG", "PNG"):
            coarse = rng.integers(
                0, 256, (-(-height // 8), -(-width // 8), 3), np.uint8
            )
            image = coarse.repeat(8, 0).repeat(8, 1)[:height, :width]
            data = encoded(image, kind)
            png = served.signatures["serve_bytes"](image_bytes=tf.constant([data]))
            ids = tf.io.decode_png(png["class_map_png_bytes"][0])[..., 0].numpy()
            found.append((data, ids, image, of_pixels(served, image)))
    return found


def of_pixels(served, image: np.ndarray) -> np.ndarray:
    import tensorflow as tf

    pixels = tf.constant(image[None], tf.float32)
    return served.signatures["serving_default"](image=pixels)["class_map"].numpy()[0]


def bad(jpeg: bytes) -> dict[str, tuple[str, dict]]:
    """Malformed requests: signature and inputs."""
    at = jpeg.index(b"\xff\xc0") + 5
    huge = jpeg[:at] + struct.pack(">HH", 10_000, 10_000) + jpeg[at + 4 :]
    pictures = {
        "cut JPEG": jpeg[: len(jpeg) // 2],
        "PNG bomb": png_bomb(50_000, 50_000),
        "100 megapixels": huge,
        "empty": b"",
    }
    requests = {
        name: ("serve_bytes", {"image_bytes": np.array([data], object)})
        for name, data in pictures.items()
    }
    pixels = np.full((1, 8, 8), 2**24 + 1)
    requests["wrong dtype and rank"] = "serving_default", {"image": pixels}
    requests["wrong signature"] = "nothing", {"image": pixels}
    return requests


def png_bomb(height: int, width: int) -> bytes:
    """2.5 gigapixels of zeros would come out of 2.4 MB; its first rows do here."""

    def chunk(name: bytes, data: bytes) -> bytes:
        crc = struct.pack(">I", zlib.crc32(name + data))
        return struct.pack(">I", len(data)) + name + data + crc

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    parts = [(b"IHDR", head), (b"IDAT", zlib.compress(bytes(100 * (width + 1))))]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in parts)


def encoded(image, kind: str) -> bytes:
    from PIL import Image

    out = io.BytesIO()
    Image.fromarray(image).save(out, kind)
    return out.getvalue()


def started(base: Path, clients: int):
    """The server's process, and its REST and gRPC addresses."""
    words = [sys.executable, "-m", "kerasseg.serve", str(base), "--name", "model"]
    words += ["--port", "0", "--grpc-port", "0", "--queue", str(4 * clients)]
    server = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
    for line in server.stdout:
        found = re.search(r"(http://\S+?)/v1\S* and gRPC on (\S+)\. ", line)
        if found:
            return server, *found.groups()
    raise RuntimeError("The server did not start.")


def processor_seconds(pid: int) -> float:
    """That a process has used so far, in user and system mode."""
    words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


def resident(pid: int) -> float:
    """Memory of a process, MB."""
    text = Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+)", text)[1]) / 1e3


if __name__ == "__main__":
    main()
