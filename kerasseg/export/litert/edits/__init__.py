"""Edits of finished LiteRT files: the same class maps, which more accelerators run.

Each module makes one edit on the tree that `flatbuffer.unpack` gives.
"""

from __future__ import annotations

from kerasseg.export.litert import flatbuffer
from kerasseg.export.litert.edits import broadcasts, class_axis, transposed


def for_accelerators(data: bytes) -> bytes:
    """The file after all edits; what it answers on a CPU stays."""
    model = flatbuffer.unpack(data)
    broadcasts.edit(model)
    transposed.edit(model)
    class_axis.edit(model)
    return flatbuffer.pack(model)
