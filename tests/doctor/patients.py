"""A healthy folder of drawn scenes, and ways to spoil it."""

from __future__ import annotations

import shutil
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from kerasseg.data.synthetic import scene

NAMES = ("ground", "built", "green", "moving")
COLOURS = np.array([(128, 64, 128), (70, 70, 70), (107, 142, 35), (0, 0, 142)], "uint8")


def healthy(folder: Path, train: int = 8, val: int = 4) -> Path:
    for number in range(train + val):
        sample = scene(0, number, 96, 128)
        split = "train" if number < train else "val"
        name = f"{number:03d}.png"
        save(folder / "images" / split / name, sample.image)
        save(folder / "masks" / split / name, sample.label % 4)
    (folder / "classes.txt").write_text("\n".join(NAMES))
    return folder


def save(path: Path, pixels: np.ndarray, **options) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, **options)


def masks(folder: Path) -> list[Path]:
    return sorted((folder / "masks").rglob("*.png"))


def images(folder: Path) -> list[Path]:
    return sorted((folder / "images").rglob("*.png"))


def each_mask(change):
    """A fault: `change(ids) -> pixels` done to all masks; no legend is left."""

    def plant(folder: Path) -> None:
        for file in masks(folder):
            save(file, change(np.asarray(Image.open(file))))
        (folder / "classes.txt").unlink()

    return plant


def with_legend(change):
    """The same, the names of the classes stay."""

    def plant(folder: Path) -> None:
        text = (folder / "classes.txt").read_text()
        each_mask(change)(folder)
        (folder / "classes.txt").write_text(text)

    return plant


def spread(ids):
    """Ids far apart, so that what lies between them is no neighbour."""
    return (ids * 5).astype(np.uint8)


def smoothed(ids):
    half = cv2.resize(spread(ids), (90, 67), interpolation=cv2.INTER_LINEAR)
    return cv2.resize(half, ids.shape[::-1], interpolation=cv2.INTER_NEAREST)


def label_ids(ids):
    return np.array([[7, 11], [21, 26], [8, 23], [24, 17]], np.uint8)[
        ids, np.indices(ids.shape)[1] // 8 % 2
    ]


def moved(down, right):
    return lambda ids: np.roll(ids, (down, right), (0, 1))


def coloured(ids):
    return COLOURS[ids]


def coloured_and_smoothed(folder: Path) -> None:
    for file in masks(folder):
        rgb = coloured(np.asarray(Image.open(file)))
        save(file, cv2.GaussianBlur(rgb, (5, 5), 0))
    lines = [f"{n} {r} {g} {b}" for n, (r, g, b) in zip(NAMES, COLOURS, strict=True)]
    (folder / "classes.txt").write_text("\n".join(lines))


def folders_swapped(folder: Path) -> None:
    (folder / "images").rename(folder / "aside")
    (folder / "masks").rename(folder / "images")
    (folder / "aside").rename(folder / "masks")


def labels_exchanged(folder: Path) -> None:
    one, other = masks(folder)[:2]
    first, second = one.read_bytes(), other.read_bytes()
    one.write_bytes(second)
    other.write_bytes(first)


def labels_off_by_one(folder: Path) -> None:
    files = masks(folder)
    kept = [file.read_bytes() for file in files]
    for file, data in zip(files, kept[1:] + kept[:1], strict=True):
        file.write_bytes(data)


def mask_of_other_size(folder: Path) -> None:
    file = masks(folder)[0]
    save(file, np.asarray(Image.open(file))[:80])


def image_of_other_size(folder: Path) -> None:
    for file in (images(folder)[0], masks(folder)[0]):
        save(file, np.asarray(Image.open(file))[:80])


def tag_turns_image(folder: Path, orientation: int = 6) -> None:
    file = images(folder)[0]
    exif = Image.Exif()
    exif[0x0112] = orientation
    save(file.with_suffix(".jpg"), np.asarray(Image.open(file)), exif=exif, quality=95)
    file.unlink()


def tag_turns_back(folder: Path) -> None:
    file = images(folder)[0]
    turned = np.ascontiguousarray(np.rot90(np.asarray(Image.open(file))))
    save(file, turned)
    tag_turns_image(folder)


def tags_turn_over(folder: Path) -> None:
    """All images upside down for whoever obeys the tag; the masks are as stored."""
    for _ in images(folder):
        tag_turns_image(folder, 3)


def class_only_in_val(folder: Path) -> None:
    for file in (folder / "masks" / "train").iterdir():
        ids = np.asarray(Image.open(file))
        save(file, np.where(ids == 3, 0, ids).astype(np.uint8))


def class_only_in_train(folder: Path) -> None:
    for file in (folder / "masks" / "val").iterdir():
        ids = np.asarray(Image.open(file))
        save(file, np.where(ids == 3, 0, ids).astype(np.uint8))


def val_of_one_class(folder: Path) -> None:
    for file in (folder / "masks" / "val").iterdir():
        ids = np.asarray(Image.open(file))
        save(file, np.where(ids == 1, 1, 255).astype(np.uint8))


def mostly_ignored(folder: Path) -> None:
    for file in masks(folder):
        ids = np.asarray(Image.open(file)).copy()
        ids[:70] = 255
        save(file, ids)


def no_train(folder: Path) -> None:
    for kind in ("images", "masks"):
        (folder / kind / "train").rename(folder / kind / "test")


def files_exchanged(folder: Path) -> None:
    one, other = images(folder)[0], masks(folder)[0]
    first, second = one.read_bytes(), other.read_bytes()
    one.write_bytes(second)
    other.write_bytes(first)


def few_moved(folder: Path) -> None:
    """Two labels of val are moved, and val has no others."""
    for number, file in enumerate(sorted((folder / "masks" / "val").iterdir())):
        if number > 1:
            file.unlink()
            (folder / "images" / "val" / file.name).unlink()
        else:
            save(file, moved(5, -4)(np.asarray(Image.open(file))))


def class_nowhere(folder: Path) -> None:
    (folder / "classes.txt").write_text("\n".join((*NAMES, "unicorn")))


def class_rare(folder: Path) -> None:
    for file in masks(folder):
        ids = np.asarray(Image.open(file)).copy()
        ids[0, 0] = 4
        save(file, ids)
    (folder / "classes.txt").write_text("\n".join((*NAMES, "unicorn")))


def one_ignored(folder: Path) -> None:
    save(masks(folder)[0], np.full((96, 128), 255, np.uint8))


def val_ignored(folder: Path) -> None:
    for file in (folder / "masks" / "val").iterdir():
        save(file, np.full((96, 128), 255, np.uint8))


def copied(folder: Path, source: str = "train", target: str = "val") -> None:
    for kind in ("images", "masks"):
        first = sorted((folder / kind / source).iterdir())[0]
        shutil.copy(first, folder / kind / target / "copy.png")


def near_copy(folder: Path) -> None:
    copied(folder)
    file = folder / "images" / "val" / "copy.png"
    brighter = np.clip(np.asarray(Image.open(file)) * 1.1 + 5, 0, 255)
    save(file.with_suffix(".jpg"), brighter.astype(np.uint8), quality=70)
    file.unlink()


def video_dealt(folder: Path) -> None:
    """Two drives: each frame sees a little less of its scene, and that larger."""
    for kind in ("images", "masks"):
        shutil.rmtree(folder / kind)
    views = [scene(3, number, 192, 256) for number in range(2)]
    for frame in range(24):
        view, step = views[frame // 12], frame % 12
        cut = np.s_[6 * step : 192 - 2 * step, 4 * step : 256 - 4 * step]
        split = "val" if frame % 3 == 1 else "train"
        name = f"{split}/film_{frame:04d}.png"
        image = cv2.resize(view.image[cut], (128, 96), interpolation=cv2.INTER_AREA)
        ids = cv2.resize(view.label[cut], (128, 96), interpolation=cv2.INTER_NEAREST)
        save(folder / "images" / name, image)
        save(folder / "masks" / name, ids % 4)


def cut_short(kind: str):
    def plant(folder: Path) -> None:
        file = sorted((folder / kind).rglob("*.png"))[0]
        file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])

    return plant


def no_image_at_all(folder: Path) -> None:
    images(folder)[0].write_text("<html>404</html>")


def blank_image(folder: Path) -> None:
    save(images(folder)[0], np.zeros((96, 128, 3), np.uint8))


def without_mask(folder: Path) -> None:
    masks(folder)[0].unlink()


def jpeg_mask(folder: Path) -> None:
    file = masks(folder)[0]
    save(file.with_suffix(".jpg"), np.asarray(Image.open(file)))
    file.unlink()
