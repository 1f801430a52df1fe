"""Weights of keras.applications for the encoder of one of our networks.

The encoders read them themselves (`weights=FILE`); here the whole network is made of
them at once, to start trainings from.
"""

from __future__ import annotations

import inspect
from typing import Any

from kerasseg import UserError, models
from kerasseg.models.importing import Match, Request, Source


def match(request: Request) -> Match:
    models.check_known(request.name)
    known = inspect.signature(models.function(request.name)).parameters
    without_encoder = "encoder" in known and known["encoder"].default == "none"
    if "weights" not in known or without_encoder:
        raise UserError(
            f"Network '{request.name}' has no part that weights of keras.applications "
            "fit. Choose one on an encoder, such as deeplab_v3plus_mobilenet_v2."
        )
    if not request.file.is_file():
        raise UserError(f"No file {request.file}. Expected .keras, .weights.h5 or .h5.")
    if request.classes < 1:
        raise UserError(
            "A classifier does not say how many classes are to be segmented, and the "
            "last layers begin at random. Say it with --classes N."
        )
    options: dict[str, Any] = {"weights": str(request.file)}
    if "reduced_tail" in known:  # there are no ImageNet weights with it
        options["reduced_tail"] = False
    return Match(request.name, options, request.classes)


SOURCE = Source(names=(), size=(512, 512), match=match)
