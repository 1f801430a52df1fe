"""Procedural road scenes from a car, with exact labels: any size, any number, seeded.

A pinhole camera looks along a bent street; everything is painted from far to near with
one call for picture and label, so the labels are exact with all occlusions.
"""

from kerasseg.data.synthetic.scenes import TAXONOMY, scene, scenes

__all__ = ["TAXONOMY", "scene", "scenes"]
