"""data.yaml of Ultralytics: names of classes, and where the images of splits are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from kerasseg import UserError
from kerasseg.data.reading.drawn.named_images import images_below
from kerasseg.data.reading.optional_packages import require
from kerasseg.data.reading.pairing.splits import named, split_of
from kerasseg.data.reading.text_file import text_of

CLASS_LISTS = ("classes.txt", "obj.names", "labels/classes.txt", "train/classes.txt")
"""Where names of classes are without a YAML file, one a line."""
KEYS = ("train", "val", "valid", "validation", "test")


def yaml_of(src: Path) -> tuple[Path, dict[str, Any]]:
    """The YAML file of a data set and what it says; src itself and {} without one.

    Raises UserError for a file that is not such a one, and for several.
    """
    if src.is_file():
        return src, _settings(src)
    if not src.is_dir():
        raise UserError(f"Folder {src} does not exist. Check the path.")
    files = sorted((*src.glob("*.yaml"), *src.glob("*.yml")))
    usual = [f for f in files if f.stem in ("data", "dataset")]
    fitting = usual or [f for f in files if "names" in _settings(f, strict=False)]
    if len(fitting) > 1:
        raise UserError(
            f"{src} holds {fitting[0].name} and {fitting[1].name}. Name the right one "
            "as SRC."
        )
    return (fitting[0], _settings(fitting[0])) if fitting else (src, {})


def _settings(file: Path, strict: bool = True) -> dict[str, Any]:
    yaml = require("yaml")
    try:
        # BaseLoader: all words stay texts, so that a class may be called "no".
        settings = yaml.load(text_of(file), yaml.BaseLoader)
        if not isinstance(settings, dict):
            raise UserError("expected keys and values")
    except (yaml.YAMLError, ValueError) as error:
        if not strict:
            return {}
        reason = str(error).partition("\n")[0]
        raise UserError(
            f"{file} cannot be read as data.yaml ({reason}). Export it again."
        ) from error
    if "kpt_shape" in settings:
        raise UserError(
            f"{file} has kpt_shape: its labels are key points, not outlines. Use a "
            "data set for segmentation."
        )
    return settings


def names_of(settings: dict[str, Any], file: Path, src: Path) -> list[str]:
    """Names of the classes 0, 1, ...

    Raises UserError where there are none, or a number is missing.
    """
    names = settings.get("names")
    if names is None:
        root = file.parent if file.is_file() else src
        lists = [root / name for name in CLASS_LISTS if (root / name).is_file()]
        if not lists:
            raise UserError(
                f"{src} has no data.yaml with names, nor classes.txt. Write the names "
                "of the classes into classes.txt, one a line, in the order of their "
                "numbers."
            )
        lines = text_of(lists[0]).splitlines()
        names = [name for line in lines if (name := line.strip())]
    if isinstance(names, dict):
        wanted = list(range(len(names)))
        by_number = {int(n): name for n, name in names.items() if str(n).isdigit()}
        if sorted(by_number) != wanted:
            raise UserError(
                f"{file}: names must be numbered 0, 1, ..., got {list(names)}."
            )
        names = [by_number[n] for n in wanted]
    if not isinstance(names, list) or not names:
        raise UserError(f"{file}: names must be a list of class names, got {names!r}.")
    names = [str(name) for name in names]
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise UserError(
            f"{file}: several classes are called '{min(twice)}'. Give them different "
            "names."
        )
    return names


def image_lists(
    settings: dict[str, Any], file: Path, src: Path
) -> tuple[dict[str, list[Path]], list[str]]:
    """The images of each split, and what to say of them.

    Raises UserError where there are none, or files are missing.
    """
    asked = {key: settings[key] for key in KEYS if settings.get(key)}
    notes: list[str] = []
    if asked:
        root = _root(settings, file)
        found = {}
        for key, value in asked.items():
            values = value if isinstance(value, list) else [value]
            images = [i for v in values for i in _images(root, str(v), file)]
            if images:
                found[key] = images
            else:
                notes.append(f"there are no images for {key}")
    else:
        found = _folders(file.parent if file.is_file() else src)
    lists: dict[str, list[Path]] = {}
    for key, name in named(dict.fromkeys(found)).items():
        same = next((s for s, images in lists.items() if images == found[key]), None)
        if same is None:
            lists[name] = found[key]
        else:
            notes.append(f"{name} has the same images as {same} and is left out")
    if not lists:
        raise UserError(
            f"{src} has no images: neither images/train/ nor train/images/. Check the "
            "paths in data.yaml."
        )
    return lists, notes


def _root(settings: dict[str, Any], file: Path) -> list[Path]:
    """Folders from which the paths of a YAML file may be meant, the likeliest first."""
    here = file.parent
    path = str(settings.get("path") or "").replace("\\", "/")
    inside = [here / path] if path else []
    last = Path(path).name
    return [*inside, here, *([here / last] if last else [])]


def _images(roots: list[Path], value: str, file: Path) -> list[Path]:
    """The images that one path of a YAML file names: a folder, or a list of images."""
    plain = value.replace("\\", "/")
    inner = plain
    while inner.startswith("../"):  # Roboflow: as if data.yaml lay one folder deeper
        inner = inner.removeprefix("../")
    inner = inner.removeprefix("./")
    parts = Path(inner).parts
    # The end of another machine's path.
    ends = [Path(*parts[i:]) for i in range(len(parts))]
    places = [r / p for p in (Path(plain), Path(inner), *ends) for r in roots]
    place = next((p for p in places if p.exists()), None)
    if place is None:
        return []
    if place.is_dir():
        return images_below(place)
    images = []
    for line in text_of(place).splitlines():
        name = line.strip().replace("\\", "/")
        if name:
            tries = [place.parent / name, *(root / name for root in roots)]
            image = next((t for t in tries if t.is_file()), None)
            if image is None:
                raise UserError(
                    f"{place} names {tries[0]}, which does not exist. Put it there."
                )
            images.append(image)
    return images


def _folders(src: Path) -> dict[str, list[Path]]:
    """Images of each split by folders: images/train, train/images, images, or src."""
    top = src / "images"
    if not top.is_dir():
        inner = {
            f.name: images_below(f / "images")
            for f in sorted(src.iterdir())
            if (f / "images").is_dir()
        }
        return inner or ({"train": images_below(src)} if images_below(src) else {})
    inner = {
        f.name: images_below(f)
        for f in sorted(top.iterdir())
        if f.is_dir() and split_of(f.name)
    }
    return inner or ({"train": images_below(top)} if images_below(top) else {})
