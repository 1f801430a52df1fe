"""What scoring finds, and how it is written: metrics.json, a table, pictures."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from kerasseg import UserError
from kerasseg.drawing import pictures, plots
from kerasseg.files import atomic
from kerasseg.runs import image_table
from kerasseg.runs.sample_facts import Facts
from kerasseg.runs.score_sheets import Sheets
from kerasseg.taxonomy import Taxonomy

if TYPE_CHECKING:
    from kerasseg.metrics.overlap_scores import OverlapScores
    from kerasseg.metrics.split_scores import SplitScores


@dataclass(frozen=True)
class Surfaces:
    """How distances of surfaces are measured.

    tolerance: of the surface Dice, in the units of the pixel size. pixel: height and
    width of a pixel of the stored images, of any unit; (0, 0): the unit is a pixel.

    Raises UserError for numbers that are no lengths.
    """

    tolerance: float = 1.0
    pixel: tuple[float, float] = (0.0, 0.0)

    def __post_init__(self) -> None:
        if not (self.tolerance >= 0 and np.isfinite(self.tolerance)):
            raise UserError(
                f"--tolerance must be 0 or more, got {self.tolerance:g}: how far a "
                "surface may be off."
            )
        sides = np.asarray(self.pixel, float)
        lengths = np.isfinite(sides).all() and (sides > 0).all()
        if sides.shape != (2,) or not (lengths or tuple(self.pixel) == (0, 0)):
            raise UserError(
                "--pixel-size must be the height and width of a pixel, above 0, got "
                f"{' '.join(map(str, self.pixel))}."
            )

    def spacing(self, stored: tuple[int, int], size: tuple[int, int]) -> list[float]:
        """Height and width of a pixel of an image that was brought to a size."""
        pixel = self.pixel if any(self.pixel) else (1.0, 1.0)
        known = stored if all(stored) else size
        sides = zip(pixel, known, size, strict=True)
        return [one * before / now for one, before, now in sides]

    def to_json(self) -> dict[str, Any]:
        return {
            "tolerance": self.tolerance,
            "pixel_size": list(self.pixel) if any(self.pixel) else None,
        }


@dataclass
class Result:
    """What was scored: the counts of every image, the sheets, and the images' facts."""

    counts: SplitScores | OverlapScores
    sheets: Sheets
    facts: list[Facts] = field(default_factory=list)

    def scores(self, taxonomy: Taxonomy) -> dict[str, Any]:
        """All scores as JSON knows them, None for nan, and the names of the classes."""
        found = {"classes": list(taxonomy.names)}
        found |= atomic.plain(self.counts.scores(), digits=6)
        found["worst"] = atomic.plain(self.sheets.worst, digits=6)
        if taxonomy.exclusive:
            return found | {"matrix": self.counts.matrix.tolist()}  # type: ignore[union-attr]
        from kerasseg.metrics import overlapping

        counts = self.counts.counts.T.tolist()  # type: ignore[union-attr]
        return found | {"counts": dict(zip(overlapping.COUNTS, counts, strict=True))}

    def image_table(self, taxonomy: Taxonomy) -> str:
        """The text of metrics_per_image.csv."""
        names, groups = [f.name for f in self.facts], [f.group for f in self.facts]
        columns = self.counts.columns()
        return image_table.table(columns, names, groups, taxonomy.names)

    def write(self, folder: Path, result: dict[str, Any], taxonomy: Taxonomy) -> None:
        """Writes metrics.json of `result`, metrics_per_image.csv and pictures/."""
        drawn = {k: pictures.png(sheet) for k, sheet in self.sheets.drawn().items()}
        if taxonomy.exclusive:
            matrix = np.asarray(result["matrix"])
            drawn["confusion"] = plots.confusion_heat_map(matrix, taxonomy)
        iou = np.array(result["iou"], float)
        drawn["iou"] = plots.iou_bars(iou, taxonomy)
        for name, picture in drawn.items():
            atomic.write_bytes(folder / "pictures" / f"{name}.png", picture)
        atomic.remove_leftovers(folder)
        atomic.write_text(folder / image_table.FILE, self.image_table(taxonomy))
        atomic.write_json(folder / "metrics.json", result)
