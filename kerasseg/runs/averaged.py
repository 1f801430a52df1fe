"""What the mean over several passes gains against one pass, and what it costs."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from kerasseg.image_format import ImageFormat
from kerasseg.inference.answers import ids_of
from kerasseg.runs.counted import Counted
from kerasseg.taxonomy import Taxonomy, Tensor

if TYPE_CHECKING:
    from kerasseg.inference.scales import Sized

Predict = Callable[[Tensor], Tensor]
"""Images (B, H, W, bands) -> probabilities float32 (B, H, W, C)."""


@dataclass
class Averaged:
    """Answers with the mean of several passes, and counts one pass beside it.

    mean, one: what all passes give, and one at the network's own size; None where that
    is all there is, and nothing to compare. sizes: height and width of each pass.
    """

    mean: Predict
    one: Predict | None
    sizes: list[tuple[int, int]]
    flip: bool
    taxonomy: Taxonomy

    def __post_init__(self) -> None:
        self._counted = [Counted(self.taxonomy) for _ in ("mean", "one")]
        self._seconds: list[list[float]] = [[], []]

    @classmethod
    def of(
        cls,
        network: Any,
        passes: Sequence[Sized],
        flip: bool,
        taxonomy: Taxonomy,
        image_format: ImageFormat,
    ) -> Averaged:
        """Of a network at all sizes of `passes`; without any, at that of the images."""
        from kerasseg.inference.averaging import mean_predictor
        from kerasseg.inference.class_maps import network_size, predictor
        from kerasseg.inference.scales import Sized

        exclusive = taxonomy.exclusive
        if not passes:
            mean = predictor(network, flip, exclusive)
            one = predictor(network, False, exclusive) if flip else None
            return cls(mean, one, [], flip, taxonomy)
        sizes, own = [each.size for each in passes], network_size(network)
        mean, one = mean_predictor(passes, flip, image_format, exclusive), None
        if flip or sizes != [own]:
            alone = [each for each in passes if each.size == own] or [Sized.of(network)]
            one = mean_predictor(alone, False, image_format, exclusive)
        return cls(mean, one, sizes, flip, taxonomy)

    def __call__(self, images: Tensor, labels: np.ndarray) -> np.ndarray:
        """Probabilities of the mean, for images with their labels (B, H, W)."""
        if self.one is None:
            return np.asarray(self.mean(images))
        found = []
        for way, predict in enumerate((self.mean, self.one)):
            if not self._seconds[way]:
                predict(images)  # makes the graph, which would count as time
            began = time.perf_counter()
            found.append(np.asarray(predict(images)))
            seconds = time.perf_counter() - began
            self._seconds[way].append(seconds / len(labels))
            self._counted[way].add(labels, ids_of(found[-1], self.taxonomy.exclusive))
        return found[0]

    def to_json(self) -> dict[str, Any]:
        """What stands in metrics.json, {} of one pass. The milliseconds are of an
        image, the median over batches; scores are those before a CRF."""
        if self.one is None:
            return {}
        mean, one = (counted.miou() for counted in self._counted)
        cost, alone = (1000 * float(np.median(times)) for times in self._seconds)
        found = {"sizes": [list(size) for size in self.sizes], "flip": self.flip}
        found |= {"miou": mean, "one_pass_miou": one, "gain": mean - one}
        found |= {"milliseconds": cost, "one_pass_milliseconds": alone}
        return {"averaged": found}
