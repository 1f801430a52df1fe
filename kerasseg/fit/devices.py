"""The devices a training runs on: one, several of this host, or those of several hosts.

TensorFlow: MirroredStrategy, on one host; `kerasseg.fit.replicas` makes its step exact.
JAX: DataParallel of Keras, also over hosts: one process on each, which find each other
by KERAS_DISTRIBUTION_JOB_ADDRESSES, _NUM_PROCESSES and _PROCESS_ID.
"""

from __future__ import annotations

import contextlib
import functools
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from kerasseg import UserError
from kerasseg.console import before_tensorflow, silenced, start_tensorflow

PROCESSES = "KERAS_DISTRIBUTION_NUM_PROCESSES"
"""Environment variable that holds the number of processes that train together."""


@dataclass(frozen=True)
class Devices:
    """What a training runs on, and how its processes work together."""

    gpu: bool
    """Whether the devices are GPUs."""
    strategy: Any = None
    """TensorFlow's distribution strategy; None where there is one device."""
    distribution: Any = None
    """The distribution of Keras under JAX; None where there is one device."""
    share: tuple[int, int] = (0, 1)
    """Index of this process, and the number of processes."""

    @property
    def writes(self) -> bool:
        """Whether this process is the one that writes files and prints."""
        return self.share[0] == 0

    def building(self) -> contextlib.AbstractContextManager:
        """Context in which what is trained, its Trainer and optimizer are made."""
        return self.strategy.scope() if self.strategy else self.fitting()

    def fitting(self) -> contextlib.AbstractContextManager:
        """Context of `fit`."""
        found = self.distribution
        return found.scope() if found else contextlib.nullcontext()

    def as_trained_here(self, network: Any, xla: bool) -> Any:
        """The network, or a copy with the same weights that trains faster on these
        devices, or on several of them. xla: whether XLA compiles the step."""
        import keras

        from kerasseg.fit.fused_normalisation import fused
        from kerasseg.fit.replicas import synchronised

        if keras.backend.backend() == "tensorflow" and not self.gpu and not xla:
            # Also before `synchronised`: a copy draws random states of its own, and
            # dropout must be the same on any number of devices.
            network = fused(network)
        return synchronised(network) if self.strategy else network

    def wait(self, what: str) -> None:
        """Returns when all processes have called this with the same `what`."""
        if self.share[1] > 1:
            from jax.experimental import multihost_utils

            multihost_utils.sync_global_devices(what)

    def disconnect(self) -> None:
        """Ends what the processes do together; each goes on alone."""
        if self.share[1] > 1:
            import jax

            self.wait("the end")
            jax.distributed.shutdown()

    @property
    def uses_xla_by_default(self) -> bool:
        """Whether XLA compiles a step with --fit.xla auto."""
        import keras

        return keras.backend.backend() == "jax" or (self.gpu and not self.strategy)

    def require_same_step(self, step: int, what: str) -> int:
        """The step, which must be the same in all processes.

        Raises UserError, which names `what`, where it is not.
        """
        if self.share[1] > 1:
            from jax.experimental import multihost_utils

            first = int(multihost_utils.broadcast_one_to_all(np.int32(step)))
            if first != step:
                raise UserError(
                    f"The first process is at step {first}, this one at {step}. "
                    f"Expected {what} to be one folder that all hosts see."
                )
        return step

    def broadcast_path(self, path: Path | None) -> Path:
        """The path of the first process, in all processes; the others give None."""
        if path and self.share[1] == 1:
            return path
        from jax.experimental import multihost_utils

        letters = np.zeros(4096, np.uint8)
        if path:
            name = str(path.resolve()).encode()
            letters[: len(name)] = np.frombuffer(name, np.uint8)
        letters = multihost_utils.broadcast_one_to_all(letters)
        return Path(bytes(np.asarray(letters)).rstrip(b"\0").decode())


NO_GPU = (
    "--fit.device gpu: no GPU found. Install the GPU build with pip install "
    "'kerasseg[gpu]', check nvidia-smi, or use --fit.device auto."
)


def require_enough(count: int, found: int, gpu: bool) -> None:
    """Raises UserError where more devices are asked for than there are."""
    if count > found:
        raise UserError(
            f"--fit.devices {count}, but {'GPU' if gpu else 'CPU'}s that can be used: "
            f"{found}. Ask for "
            + ("fewer." if gpu else "one, or split the CPU with --fit.device cpu.")
        )


def is_first_process() -> bool:
    """Whether this process, of several or alone, is the first."""
    return int(os.environ.get("KERAS_DISTRIBUTION_PROCESS_ID", 0)) == 0


def start(
    kind: str, count: int, batch: int, *, parts: int = 1, xla: str = "auto"
) -> Devices:
    """Starts the backend and takes its devices.

    kind: auto, cpu or gpu. count: devices of each host, 0: every GPU, or one CPU; of a
    CPU, more than one are parts of it. batch: samples of a step, dealt out equally.
    parts and xla: --fit.accumulate and --fit.xla.

    Raises UserError where there are not so many devices, they cannot share the batch,
    or the backend cannot do what is asked.
    """
    if kind == "cpu":
        _only_cpu(max(count, 1))
    start_tensorflow()
    import keras

    backend = keras.backend.backend()
    hosts = int(os.environ.get(PROCESSES, 1))
    if hosts > 1 and backend != "jax":
        raise UserError(
            f"{PROCESSES} is {hosts}: several hosts need KERAS_BACKEND=jax, "
            f"the backend is {backend}."
        )
    if backend == "torch":
        if count > 1:
            raise UserError(
                f"--fit.devices {count} needs TensorFlow or JAX; the backend is torch."
            )
        return Devices(_has_gpu(kind))
    if backend == "jax":
        _start_jax(kind, count, hosts)
    gpu = _has_gpu(kind)
    names = _devices(backend, "GPU" if gpu else "CPU", count, gpu)
    if batch % len(names):
        raise UserError(
            f"--data.batch {batch} cannot be dealt out equally to {len(names)} "
            f"devices. Choose a multiple of {len(names)}, or another --fit.devices."
        )
    if len(names) == 1:
        return Devices(gpu)
    if backend == "jax":
        distribution = keras.distribution.DataParallel(
            devices=names, auto_shard_dataset=False
        )
        import jax

        share = jax.process_index(), jax.process_count()
        return Devices(gpu, distribution=distribution, share=share)
    if parts > 1 or xla == "on":
        flag = f"--fit.accumulate {parts}" if parts > 1 else "--fit.xla on"
        raise UserError(
            f"{flag} does not go together with {len(names)} devices of TensorFlow. "
            "Leave it out, or train with --fit.devices 1."
        )
    return Devices(gpu, _strategy(tuple(names)))


@functools.cache  # a second strategy would mix its messages with the first's
def _strategy(names: tuple[str, ...]):
    import tensorflow as tf

    with silenced():
        return tf.distribute.MirroredStrategy(names)


def _devices(backend: str, kind: str, count: int, gpu: bool) -> list[str]:
    """Names of the devices that are used, on all hosts."""
    if backend == "jax":
        import jax

        hosts = [[] for _ in range(jax.process_count())]
        for device in jax.devices(kind.lower()):
            hosts[device.process_index].append(f"{device.platform}:{device.id}")
    else:
        import tensorflow as tf

        hosts = [[device.name for device in tf.config.list_logical_devices(kind)]]
    found = min(map(len, hosts))
    require_enough(count, found, gpu)
    count = count or (found if gpu else 1)
    return [name for names in hosts for name in names[:count]]


def _only_cpu(count: int) -> None:
    """Before TensorFlow starts: hides GPUs, splits the CPU."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with silenced():
        before_tensorflow()
        import tensorflow as tf

        # A program that calls this one may have started it: then all stays as it is.
        with contextlib.suppress(RuntimeError):
            tf.config.set_visible_devices([], "GPU")
            (cpu,) = tf.config.list_physical_devices("CPU")
            parts = [tf.config.LogicalDeviceConfiguration()] * count
            tf.config.set_logical_device_configuration(cpu, parts)


def _start_jax(kind: str, count: int, hosts: int) -> None:
    import jax

    # A program that calls this one may have started it: then all stays as it is.
    with contextlib.suppress(RuntimeError):
        if kind == "cpu":
            jax.config.update("jax_platforms", "cpu")
            jax.config.update("jax_num_cpu_devices", max(count, 1))
    if hosts > 1:
        addresses = os.environ.get("KERAS_DISTRIBUTION_JOB_ADDRESSES", "")
        place = os.environ.get("KERAS_DISTRIBUTION_PROCESS_ID")
        # Not keras.distribution.initialize: after an error this process would wait for
        # the others for minutes.
        jax.distributed.initialize(
            addresses.split(",")[0] or None,
            hosts,
            None if place is None else int(place),
            shutdown_timeout_seconds=10,
        )


def _has_gpu(kind: str) -> bool:
    """Whether a GPU will be used."""
    found = _finds_gpu()
    if kind == "gpu" and not found:
        raise UserError(NO_GPU)
    return found and kind != "cpu"


def _finds_gpu() -> bool:
    import keras

    if keras.backend.backend() == "torch":  # Keras lists no devices of it
        import torch

        return torch.cuda.is_available()
    try:
        return bool(keras.distribution.list_devices("gpu"))
    except RuntimeError:  # JAX, where there is none
        return False
