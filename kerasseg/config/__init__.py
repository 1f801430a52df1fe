"""The settings of a training: their tree, recipes of them, and what is checked.

settings: the frozen dataclasses, with every default. recipe: TOML files and flags.
limits: what the types of the settings do not say. loss_settings: options of losses and
weights of classes.
"""

from kerasseg.config.limits import check, normalisation
from kerasseg.config.loss_settings import class_weights, loss_options
from kerasseg.config.recipe import default_name, options, parse, to_toml, values_of
from kerasseg.config.settings import Config, Data, Fit, Model

__all__ = [
    "Config",
    "Data",
    "Fit",
    "Model",
    "check",
    "class_weights",
    "default_name",
    "loss_options",
    "normalisation",
    "options",
    "parse",
    "to_toml",
    "values_of",
]
