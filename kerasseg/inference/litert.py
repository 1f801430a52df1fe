"""Runs LiteRT files with ai-edge-litert, numpy and OpenCV alone, on small devices."""

from __future__ import annotations

import contextlib
import functools
import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from kerasseg import UserError, tiles
from kerasseg.console import silenced
from kerasseg.image_format import RGB, ImageFormat
from kerasseg.inference.answers import Each, ids_of, stacked
from kerasseg.inference.litert_engine import cores, interpreter_class
from kerasseg.inference.mirror import mean_with_mirrored, mirrored_mean
from kerasseg.inference.pixels import checked
from kerasseg.inference.resampling import repeated, stretched
from kerasseg.inference.volumes.segmenter import VolumeSegmenter, outside_of
from kerasseg.inference.whole_file import require_whole
from kerasseg.taxonomy import Taxonomy
from kerasseg.volume_format import VolumeFormat

JSON_LIMIT = 1 << 23
"""The largest size of a taxonomy.json or image_format.json, bytes; 65535 classes with
long names need half of it."""


class Model:
    """A LiteRT file written by `kerasseg.export`.

    path: of the .tflite file. threads: 0 for as many as there are cores, up to 4.

    height, width: of its input, pixels; size: both, of volumes depth, height and width;
    volume_format: what volumes are, None of pictures; signatures: what it can be asked
    for; image_format: the bands and type of the images it takes.

    Raises UserError for a file that is missing, damaged, or does not take such images.
    """

    def __init__(self, path: str | Path, threads: int = 0):
        path = Path(path)
        if not path.is_file():
            there = "is a folder" if path.is_dir() else "does not exist"
            raise UserError(
                f"{path} {there}. Expected a .tflite file made by python -m "
                "kerasseg.export."
            )
        require_whole(path)
        # Within the silence: the import and the first use write to stderr.
        with silenced():
            Interpreter = interpreter_class()
            runners: dict[str, Any] = {}
            failure: Exception | None = None
            try:
                interpreter = Interpreter(str(path), num_threads=threads or cores())
                self.signatures = tuple(interpreter.get_signature_list())
                runners = {
                    name: interpreter.get_signature_runner(name)
                    for name in self.signatures
                }
            except (ValueError, RuntimeError) as error:
                failure = error
        if failure or not runners:
            raise UserError(
                f"{path} is not a LiteRT file with signatures, or is damaged "
                f"({failure or 'it has no signature'}). Write it again with python -m "
                "kerasseg.export."
            )
        self._runners = runners
        self._ran: set[str] = set()
        self.path = path
        self.image_format = self._image_format()
        first = next(iter(runners.values())).get_input_details()
        kind = "uint8" if self.image_format.type == "uint8" else "float32"
        if set(first) != {"image"} or first["image"]["dtype"] != np.dtype(kind):
            raise UserError(f"{path} does not take an image of {kind} pixels.")
        _, *size, channels = (int(n) for n in first["image"]["shape"])
        if channels != self.image_format.channels:
            raise UserError(
                f"{path} takes {channels} bands, and its image_format.json says "
                f"{self.image_format}. Write it again with python -m kerasseg.export."
            )
        self._kind, self.size = kind, tuple(size)
        self.height, self.width = size[-2:]
        self.volume_format = self._volume_format()
        if (len(size) == 3) != (self.volume_format is not None):
            raise UserError(
                f"{path} takes {'volumes' if len(size) == 3 else 'pictures'}, and says "
                "otherwise. Write it again with python -m kerasseg.export."
            )

    @functools.cached_property
    def taxonomy(self) -> Taxonomy:
        """Names and colours of the classes, from the zip at the end of the file.

        Raises UserError where there is none.
        """
        try:
            return Taxonomy.from_json(self._json("taxonomy.json"))
        except Exception as error:  # zipfile, zlib and json raise many kinds
            raise UserError(
                f"{self.path} holds no taxonomy.json with names and colours. Write it "
                "again with python -m kerasseg.export."
            ) from error

    def _image_format(self) -> ImageFormat:
        try:
            return ImageFormat.from_json(self._json("image_format.json"))
        except (zipfile.BadZipFile, FileNotFoundError):
            return RGB
        except Exception as error:
            raise UserError(
                f"{self.path} holds an image_format.json that cannot be read. Write it "
                "again with python -m kerasseg.export."
            ) from error

    def _volume_format(self) -> VolumeFormat | None:
        try:
            return VolumeFormat.from_json(self._json("volume_format.json"))
        except (zipfile.BadZipFile, FileNotFoundError):
            return None
        except Exception as error:
            raise UserError(
                f"{self.path} holds a volume_format.json that cannot be read. Write it "
                "again with python -m kerasseg.export."
            ) from error

    def _json(self, name: str) -> Any:
        """What a file of the zip at the end holds; FileNotFoundError without one."""
        with zipfile.ZipFile(io.BytesIO(self.path.read_bytes())) as archive:
            if name not in archive.namelist():
                raise FileNotFoundError(name)
            if archive.getinfo(name).file_size > JSON_LIMIT:
                raise UserError(f"{name} would unpack to too many bytes")
            return json.loads(archive.read(name))

    @functools.cached_property
    def exclusive(self) -> bool:
        """Whether a pixel has one class, see `Taxonomy`. Of a file without names it is
        what its class map looks like."""
        try:
            return self.taxonomy.exclusive
        except UserError:
            if "class_map" not in self.signatures:
                return True
            details = self._runners["class_map"].get_output_details()
            return len(details["class_map"]["shape"]) == len(self.size) + 1

    def class_map(self, image: np.ndarray) -> np.ndarray:
        """Image (height, width, C) -> (height, width) ids, uint8 or of more than 255
        classes uint16; where classes overlap uint8 (height, width, classes) of 0 and 1.

        Raises UserError for other bands or another type than `image_format`, and if the
        file cannot be run.
        """
        if "class_map" not in self.signatures:
            return ids_of(self.probabilities(image), self.exclusive)
        found = self._run("class_map", image)  # int32, of more than 255 classes
        return found if found.dtype == np.uint8 else found.astype(np.uint16)

    def probabilities(self, image: np.ndarray) -> np.ndarray:
        """Image (height, width, C) -> float32 (height, width, classes).

        Raises UserError as `class_map` does, and if the file has class maps only.
        """
        return self._run("probabilities", image)

    def segment(
        self,
        image: np.ndarray,
        overlap: int = 0,
        flip: bool = False,
        each: Each | None = None,
    ) -> np.ndarray:
        """Image (H, W, C) of any size -> class map (H, W), as `class_map`; where
        classes overlap (H, W, classes).

        overlap: pixels > 0, even: an image that is higher or wider than the network's
            size is cut into tiles of that size which share so many pixels.
        flip: the mean of the probabilities of the image and of its mirror image.
        each: is given the probabilities, strip by strip from the top. Those of tiles
            are blended, others repeated as the ids are.

        Raises UserError as `class_map` does.
        """
        image = checked(image, self.image_format)
        high, wide = image.shape[:2]
        if overlap and (high > self.height or wide > self.width):
            found = self._tiled(image, overlap)
            if flip:
                mirrored = self._tiled(image[:, ::-1], overlap)
                found = map(mean_with_mirrored, found, mirrored)
            return stacked((self._ids(strip, each) for strip in found), high)
        if flip:
            small = mirrored_mean(self._of_whole, image)
            label = ids_of(small, self.exclusive)
        else:
            label = self.class_map(stretched(image, self.height, self.width))
            small = self._of_whole(image) if each else np.zeros((0,))
        rows, columns = repeated(len(label), high), repeated(label.shape[1], wide)
        if each:
            step = max(1, tiles.PIECE // (wide * small.shape[-1]))
            for first in range(0, high, step):
                each(small[rows[first : first + step]][:, columns])
        return label[:, columns][rows]

    def volume_segmenter(self, mirror: tuple[int, ...] = ()) -> VolumeSegmenter:
        """The file with its sliding window, for volumes of any size.

        mirror: see `VolumeSegmenter`. Raises UserError for a file of pictures, and for
        one that has class maps only.
        """
        if self.volume_format is None:
            raise UserError(
                f"{self.path} takes pictures, not volumes. predict --slices runs it on "
                "each slice of a volume."
            )
        self.require("probabilities")

        def probabilities_of(patch: np.ndarray) -> np.ndarray:
            return self._run("probabilities", patch[0])[None]

        depth, height, width = self.size
        outside = outside_of(self.volume_format, self.image_format)
        return VolumeSegmenter(
            probabilities_of,
            (depth, height, width),
            self.exclusive,
            mirror,
            outside=outside,
        )

    def _ids(self, probabilities: np.ndarray, each: Each | None) -> np.ndarray:
        if each:
            each(probabilities)
        return ids_of(probabilities, self.exclusive)

    def _of_whole(self, image: np.ndarray) -> np.ndarray:
        """Probabilities at the network's size."""
        return self.probabilities(stretched(image, self.height, self.width))

    def _tiled(self, image: np.ndarray, overlap: int) -> Iterator[np.ndarray]:
        """Probabilities at the image's size, strip by strip."""

        def logits(tile):
            # Up to a constant in each pixel, which does not change the softmax.
            found = np.maximum(self.probabilities(tile[0]), 1e-6)
            if self.exclusive:
                return np.log(found)[None]
            found = np.minimum(found, 1 - 1e-6)
            return np.log(found / (1 - found))[None]

        size = self.height, self.width
        for found in tiles.strips(logits, image, size, overlap):
            if not self.exclusive:
                yield 1 / (1 + np.exp(-found))
                continue
            found = np.exp(found - found.max(-1, keepdims=True))
            yield found / found.sum(-1, keepdims=True)

    def require(self, name: str) -> None:
        """Raises UserError unless the file has this signature."""
        if name not in self._runners:
            raise UserError(
                f"{self.path} has the signatures {', '.join(self.signatures)}, not "
                f"'{name}', which tiles, mirror images and probabilities need. Use "
                f"{self.path.stem}_probabilities.tflite, or another of the files that "
                "kerasseg.export wrote."
            )

    def _run(self, name: str, image: np.ndarray) -> np.ndarray:
        self.require(name)
        if len(self.size) == 2:  # patches of volumes are checked as a whole
            image = checked(image, self.image_format)
        image = image.astype(self._kind, copy=False)
        # The first run plans and reports to stderr.
        with contextlib.nullcontext() if name in self._ran else silenced():
            try:
                out = self._runners[name](image=np.ascontiguousarray(image)[None])
            except (RuntimeError, TypeError, ValueError) as error:
                reason = " ".join(str(error).split())
                raise UserError(
                    f"{self.path} cannot be run: it is damaged, or its operators are "
                    f"unknown to this LiteRT ({reason}). Write it again with python -m "
                    "kerasseg.export."
                ) from error
        self._ran.add(name)
        return out[name][0]
