"""The image files that annotation files name: found as they lie on this disk.

Tools write names as they had them: with backslashes, percent signs, absolute paths of
another machine, folders that an archive has lost.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path
from urllib.parse import unquote

from kerasseg import UserError
from kerasseg.data.reading.pairing.names import folded, is_junk
from kerasseg.data.reading.pairing.splits import NAMES, SHORT, split_of

ENDINGS = {
    *(".jpg", ".jpeg", ".jfif", ".png", ".bmp", ".tif", ".tiff", ".webp", ".gif"),
    *(".avif", ".jp2", ".heic"),
}
"""Of files that may be images; whether one can be read is said when it is."""


class NamedImages:
    """Finds images by the names that the annotations of one split have for them.

    folders: where they may lie, the likeliest first; a name may also be a path from
        there.
    root: where else to look, at any depth, by the end of the path.
    split: the split as its files are named (train2017); folders of other splits and
        years are not looked into.
    """

    def __init__(self, folders: Iterable[Path], root: Path, split: str = "") -> None:
        self.folders = [f for f in dict.fromkeys(folders) if f.is_dir()]
        self.root, self.split = root, split

    def find(self, name: str) -> Path | None:
        """The file, or None.

        Raises UserError where two files could be meant.
        """
        plain = str(name).replace("\\", "/").split("?")[0]
        for spelt in dict.fromkeys((str(name), plain, unquote(plain))):
            for folder in self.folders:
                path = folder / spelt
                if spelt and path.is_file():
                    return path
        return self._by_end(unquote(plain))

    def _by_end(self, name: str) -> Path | None:
        """The file below the root whose path has the most last parts in common."""
        wanted = [folded(part) for part in name.split("/") if part not in ("", ".")]
        if not wanted:
            return None
        found: dict[int, list[Path]] = {}
        for path in self._files.get(wanted[-1], ()):
            parts = [folded(part) for part in path.relative_to(self.root).parts]
            pairs = zip(reversed(wanted), reversed(parts), strict=False)
            common = next((n for n, (a, b) in enumerate(pairs) if a != b), len(parts))
            found.setdefault(min(common, len(wanted)), []).append(path)
        best = found[max(found)] if found else []
        if len(best) > 1:
            raise UserError(
                f"Image {name} may be {best[0]} or {best[1]}. Keep the folders that "
                "the annotations name, or give the files different names."
            )
        return best[0] if best else None

    @cached_property
    def _files(self) -> dict[str, list[Path]]:
        """The image files below the root by their name, NFC and without case."""
        files: dict[str, list[Path]] = {}
        for folder, below, names in os.walk(self.root):
            below[:] = sorted(b for b in below if self._is_own(b))
            for name in sorted(names):
                if is_image(path := Path(folder, name)):
                    files.setdefault(folded(name), []).append(path)
        return files

    def _is_own(self, folder: str) -> bool:
        """Whether images of this split may lie in a folder of that name."""
        if is_junk(Path(folder)):
            return False
        if not self.split or not split_of(folder):
            return True
        years = set(re.findall(r"\d{4}", folder))
        same = split_of(folder) == split_in(self.split)
        return same and years <= set(re.findall(r"\d{4}", self.split))


def split_in(name: str) -> str:
    """The split (train, val, test) that a word of a file's name says, or "".

    Raises UserError for a name that says two.
    """
    words = [w for w in re.findall("[a-z]+", folded(name)) if w not in SHORT]
    found = list(dict.fromkeys(NAMES[w] for w in words if w in NAMES))
    if len(found) > 1:
        raise UserError(
            f"'{name}' names the splits {' and '.join(found)}. Rename it for one."
        )
    return found[0] if found else ""


def is_image(path: Path) -> bool:
    """Whether a name is that of an image."""
    return path.suffix.lower() in ENDINGS and not is_junk(path)


def images_below(folder: Path) -> list[Path]:
    """All image files below a folder, sorted; junk left out."""
    found = []
    for place, below, names in os.walk(folder):
        below[:] = [b for b in below if not is_junk(Path(b))]
        found += [path for name in names if is_image(path := Path(place, name))]
    return sorted(found)


def sample_ids(images: Sequence[Path]) -> list[str]:
    """An id for each image: its stem; where two are equal, with folders or ending.

    Raises UserError for a file that occurs twice.
    """
    ids = [image.stem for image in images]
    if len(set(ids)) == len(ids):
        return ids
    (most, times), *_ = Counter(images).most_common(1)
    if times > 1:
        raise UserError(
            f"{most} is annotated twice, under two ids. Join its annotations under "
            "one, or remove the other."
        )
    root = Path(os.path.commonpath([image.parent for image in images]))
    below = [image.relative_to(root) for image in images]
    ids = ["_".join(path.with_suffix("").parts) for path in below]
    if len(set(ids)) == len(ids):
        return ids
    return ["_".join(path.parts) for path in below]
