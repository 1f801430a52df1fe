"""Which classes and functions of Keras a network from elsewhere may be made of.

A configuration names an object by a module and a name, and the same object has many
spellings: {"module": "keras", "class_name": "layers.Lambda"} is Lambda, too. So what
counts is the object that a spelling leads to. Nothing is imported and nothing called on
the way: all of Keras is there once it is imported.
"""

from __future__ import annotations

import functools
import sys
from types import FunctionType
from typing import Any

LAYERS = "keras.src.layers."
OF_LAYERS = tuple(
    LAYERS + name
    for name in (
        *("activations.", "attention.", "convolutional.", "merging.", "pooling."),
        *("normalization.", "regularization.", "reshaping."),
        "preprocessing.image_preprocessing.",
    )
)
"""Packages whose layers compute with numbers and nothing else."""
SINGLE_LAYERS = (
    *("Dense", "EinsumDense", "Embedding", "Identity", "InputLayer", "Masking"),
    *("Normalization", "Rescaling", "Pipeline"),
    *("TimeDistributed", "Bidirectional", "ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D"),
)
"""Layers of packages that also hold some which run code or read files by a path:
Lambda, StringLookup, TextVectorization and others."""
OF_OPERATIONS = tuple(
    "keras.src.ops." + name for name in ("numpy", "nn", "image", "math", "einops")
)
SINGLE_OPERATIONS = {
    "core": (
        *("Cast", "SaturateCast", "ConvertToTensor", "StopGradient"),
        *("Slice", "SliceUpdate", "Scatter", "ScatterUpdate", "Unstack"),
    ),
    "linalg": ("Norm",),
}
"""The other operations of these modules take functions."""
OF_VALUES = "initializers", "regularizers", "constraints", "dtype_policies"
MODELS = {
    "keras.src.models.functional": "Functional",
    "keras.src.models.sequential": "Sequential",
    "keras.src.models.model": "Model",
}


def is_stock_class(module: object, name: object) -> bool:
    """Whether Keras makes of this spelling a class that a network may hold."""
    return _named(module, name) in _classes()


def is_activation(module: object, name: object) -> bool:
    """Whether Keras makes of this spelling one of its activation functions."""
    # What has no module of its own is looked for among the activations first.
    module = "keras.activations" if module == "builtins" else module
    return _named(module, name) in _activations()


def _named(module: object, name: object) -> Any:
    """The object, or None. Keras looks among its public names, and then in a module."""
    import keras

    if not isinstance(module, str) or not isinstance(name, str):
        return None
    if module.partition(".")[0] != keras.__name__ or not name.isidentifier():
        return None
    found = vars(sys.modules[module]).get(name) if module in sys.modules else None
    return found if isinstance(found, type | FunctionType) else None


@functools.cache
def _classes() -> frozenset[type]:
    import keras

    found: set[Any] = {
        each
        for each in vars(keras.layers).values()
        if isinstance(each, type)
        and issubclass(each, keras.layers.Layer)
        and each.__module__.startswith(OF_LAYERS)
    }
    found |= {getattr(keras.layers, name) for name in SINGLE_LAYERS}
    for module in OF_OPERATIONS:
        found |= {
            each
            for each in vars(sys.modules[module]).values()
            if isinstance(each, type)
            and issubclass(each, keras.Operation)
            and each.__module__ == module
        }
    for module, names in SINGLE_OPERATIONS.items():
        found |= {vars(sys.modules[f"keras.src.ops.{module}"])[name] for name in names}
    for module in OF_VALUES:
        members = vars(sys.modules[f"keras.{module}"]).values()
        found |= {each for each in members if isinstance(each, type)}
    found |= {vars(sys.modules[module])[name] for module, name in MODELS.items()}
    return frozenset(found)


@functools.cache
def _activations() -> frozenset[Any]:
    from keras import activations

    return frozenset(
        each
        for name, each in vars(activations).items()
        if isinstance(each, FunctionType)
        and name not in ("get", "serialize", "deserialize")
    )
