"""Checks that an HDF5 file holds its own numbers, and not more than it stores."""

from __future__ import annotations

import io
from dataclasses import dataclass, field

EXPANSION = 20
"""How many times larger than it is stored a file may become."""
ALWAYS_ALLOWED = 16 << 20
"""Bytes that may be unpacked however little is stored."""
MAX_OBJECTS = 100_000
"""The most groups and arrays that a weights file may hold."""
FILTERS = {1, 2, 3}
"""Of HDF5: deflate, shuffle, checksum. Others are plug-ins, so code from a folder."""


class Refused(ValueError):
    """What is wrong, in words."""


def check(file: str | io.BytesIO, stored: int) -> int:
    """Checks a file of weights, and gives how many numbers its arrays hold.

    That is: no links to other files or places, no arrays kept elsewhere, no filters of
    plug-ins, and all arrays together not far larger than what is stored.

    stored: bytes that the file takes on the disk.

    Raises Refused, and what h5py raises for a damaged file.
    """
    import h5py

    found = _Found(stored)
    with h5py.File(file, "r") as opened:
        found.look_at(opened)
    return found.numbers


@dataclass
class _Found:
    stored: int
    places: set[int] = field(default_factory=set)
    numbers: int = 0
    size: int = 0

    def look_at(self, root: object) -> None:
        import h5py
        from h5py import h5o  # pyright: ignore[reportAttributeAccessIssue]

        waiting = [root]  # not recursive: the depth is the file's choice
        self.places.add(h5o.get_info(root.id).addr)  # type: ignore[attr-defined]
        while waiting:
            group = waiting.pop()
            for name in group:  # type: ignore[attr-defined]
                path = f"{str(group.name).rstrip('/')}/{name}"[:100]  # type: ignore[attr-defined]
                link = group.get(name, getlink=True)  # type: ignore[attr-defined]
                if not isinstance(link, h5py.HardLink):
                    raise Refused(f"its weights hold {path}, a {type(link).__name__}")
                item = group[name]  # type: ignore[index]
                place = h5o.get_info(item.id).addr
                if place in self.places or len(self.places) > MAX_OBJECTS:
                    raise Refused(f"its weights are linked in circles at {path}")
                self.places.add(place)
                if isinstance(item, h5py.Group):
                    waiting.append(item)
                else:
                    self._count(item, path)

    def _count(self, item: object, path: str) -> None:
        import h5py

        if not isinstance(item, h5py.Dataset) or not _is_numbers(item):
            raise Refused(f"its weights hold {path}, which is not an array of numbers")
        if item.external or item.is_virtual:
            raise Refused(f"its weights hold {path}, which lies in another file")
        settings = item.id.get_create_plist()
        filters = {settings.get_filter(i)[0] for i in range(settings.get_nfilters())}
        if filters - FILTERS:
            raise Refused(f"its weights hold {path} with the HDF5 filters {filters}")
        self.numbers += item.size or 0
        self.size += (item.size or 0) * item.dtype.itemsize
        if self.size > max(ALWAYS_ALLOWED, EXPANSION * self.stored):
            raise Refused(
                f"its weights hold {path}; up to it they unpack to {self.size:,} bytes "
                f"from {self.stored:,}, a bomb"
            )


def _is_numbers(item: object) -> bool:
    """Whether an array holds numbers; those of bfloat16 have no type in HDF5."""
    kind, attributes = item.dtype, item.attrs  # type: ignore[attr-defined]
    plain = kind.kind in "biuf"
    return plain or (kind.str == "|V2" and attributes.get("dtype") == "bfloat16")
