"""Which layer of a network is which of another one that the same function built."""

from __future__ import annotations

from typing import Any


def layers_of(network: Any) -> dict[tuple[str, int], Any]:
    """The layers with variables, by their place: a name and a number.

    The order of layers does not tell them: in files of earlier versions, as that of
    road_scene, branches beside each other have other places than in networks that are
    built now. Names that Keras gives itself count on from network to network
    (conv2d_7), so a layer is told by what stands before its number, and by the rank of
    that number in this network.
    """
    seen: dict[str, list[tuple[int, Any]]] = {}
    for layer in network.layers:
        if layer.variables:
            name, _, number = layer.name.rpartition("_")
            known = (name, int(number)) if number.isdigit() else (layer.name, -1)
            seen.setdefault(known[0], []).append((known[1], layer))
    return {
        (name, rank): layer
        for name, layers in seen.items()
        for rank, (_, layer) in enumerate(sorted(layers, key=lambda one: one[0]))
    }


def variables_of(network: Any) -> dict[tuple[str, int, int], Any]:
    """The variables by the place of their layer and their number in it."""
    return {
        (*place, number): variable
        for place, layer in layers_of(network).items()
        for number, variable in enumerate(layer.variables)
    }


def same_order(one: Any, other: Any) -> bool:
    """Whether weights that are copied in their order find their layers."""
    return _order(one) == _order(other)


def _order(network: Any) -> list[tuple[str, int]]:
    places = {id(layer): place for place, layer in layers_of(network).items()}
    return [places[id(layer)] for layer in network.layers if id(layer) in places]
