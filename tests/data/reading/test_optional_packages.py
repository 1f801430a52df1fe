"""Packages that are not installed: what to install is said."""

from types import SimpleNamespace

import pytest

from kerasseg.data.datasets import adapter
from kerasseg.data.reading import optional_packages


def test_a_missing_package_is_named_with_its_extra():
    with pytest.raises(
        ValueError, match=r"the package absent_lib .*kerasseg\[datasets\]"
    ):
        optional_packages.require("absent_lib.part")


@pytest.mark.parametrize(
    ("name", "package"),
    [
        ("coco", "pycocotools"),
        ("dstl", "shapely"),
        ("sbd", "scipy"),
        ("tfds:x", "tensorflow_datasets"),
    ],
)
def test_adapters_name_the_package_at_once(tmp_path, monkeypatch, name, package):
    def import_module(module):
        if module.split(".")[0] == package:
            raise ImportError(f"No module named '{module}'")

    fake = SimpleNamespace(import_module=import_module)
    monkeypatch.setattr(optional_packages, "importlib", fake)
    with pytest.raises(ValueError, match=f"needs the package {package} .*pip install"):
        adapter(name)(*[tmp_path] * (":" not in name))
