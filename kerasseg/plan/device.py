"""How long networks take in int8 on one thread of this machine, measured.

A candidate is built with random weights and converted as an export does it: the time
does not depend on what the weights say. It is the 10th percentile of many runs, which
other work on the machine disturbs least; what was measured beside much other work is
not kept, all else is kept in the cache.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from pathlib import Path

from kerasseg import UserError, __version__
from kerasseg.config.settings import Config, Model
from kerasseg.data.format.description import Description, describe
from kerasseg.export import latency
from kerasseg.files import atomic
from kerasseg.files.cache import cache_folder
from kerasseg.plan import rules
from kerasseg.plan.choices import Choice, Plan
from kerasseg.plan.fingerprint import Fingerprint

IMAGES = 2
"""Images of noise that int8 takes its ranges from."""


def within(
    plan: Plan, facts: Fingerprint, limit: float, parameters: float
) -> tuple[Plan, dict[str, float]]:
    """The plan with the first network of `rules.NETWORKS` that takes at most `limit`
    milliseconds for an image, and the milliseconds of those that were measured.

    parameters: the most that the network may have.

    Raises UserError where none is fast enough, with what was measured, and for volumes.
    """
    if facts.depth:
        raise UserError(
            "--device-ms is for networks of images; these records hold volumes. Leave "
            "it out."
        )
    planned = plan.settings.data.size
    kept = planned == (0, 0)
    size = (facts.height, facts.width) if kept else (planned[0], planned[1])
    times: dict[str, float] = {}
    for name in rules.networks_within(parameters):
        times[name] = milliseconds(plan.settings, rules.model_of(name), size)
        print(
            f"Measured: {name} {times[name]:.1f} ms (LiteRT int8, one thread, "
            f"{size[0]} x {size[1]}, {latency.machine()})",
            flush=True,
        )
        if times[name] <= limit:
            return _with_network(plan, name, times, limit), times
    said = ", ".join(f"{name} {ms:.1f}" for name, ms in times.items())
    raise UserError(
        f"No network takes {limit:g} ms or less for an image of {size[0]} x {size[1]} "
        f"on one thread of this machine; measured, ms: {said}. Allow more with "
        "--device-ms, or prepare smaller images (prepare --size)."
    )


def _with_network(plan: Plan, name: str, times: dict[str, float], limit: float) -> Plan:
    others = ", ".join(f"{n} {ms:.1f}" for n, ms in times.items() if n != name)
    changed = Plan(plan.settings, [c for c in plan.choices if c.what != "network"])
    changed.choose(
        "model",
        Choice(
            "network",
            name,
            f"{times[name]:.1f} ms in LiteRT int8 on one thread of this machine, at "
            f"most {limit:g}" + (f"; too slow: {others} ms" if others else ""),
            "the first that is fast enough, of networks that are ordered by what they "
            "scored at equal time (docs/plan.md)",
            "--device-ms",
        ),
        **rules.model_of(name),
    )
    changed.choices.insert(0, changed.choices.pop())
    return changed


def milliseconds(settings: Config, model: dict, size: tuple[int, int]) -> float:
    """Of one class map (10th percentile), from the cache or measured now."""
    described = describe(settings.data.records)
    about = {
        "kerasseg": __version__,
        "model": {key: str(value) for key, value in model.items()},
        "size": list(size),
        "classes": described.taxonomy.num_classes,
        "exclusive": described.taxonomy.exclusive,
        "images": described.image_format.to_json(),
        "processor": latency.processor(),
    }
    text = json.dumps(about, sort_keys=True)
    digest = hashlib.sha256(text.encode()).hexdigest()[:24]
    file = cache_folder("latency") / f"{digest}.json"
    try:
        return float(json.loads(file.read_text(encoding="utf-8"))["milliseconds"])
    except (OSError, ValueError, KeyError, TypeError):
        pass
    found = _measured(model, described, size)
    if latency.is_busy():
        return found
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        atomic.write_json(file, about | {"milliseconds": found})
    except OSError:  # a cache that cannot be written: measured again next time
        pass
    return found


def _measured(model: dict, described: Description, size: tuple[int, int]) -> float:
    from kerasseg.export.litert import conversion
    from kerasseg.export.runners import runner
    from kerasseg.fit import from_settings

    images, taxonomy = described.image_format, described.taxonomy
    network = from_settings.network_of(
        Model(**model), taxonomy.num_classes, size, weights=False, image_format=images
    )
    noise = [latency.noise(size, images) for _ in range(IMAGES)]
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "model_int8.tflite")
        conversion.write(network, file, "int8", noise, taxonomy, images)
        run = runner("int8", file, threads=1)
        found = latency.measure(run, *size, image_format=images)
    return float(found["fast"])
