"""The doctor takes prepare's flags for masks, and its cures are flags that work."""

import numpy as np
import patients
import pytest
import tifffile
from PIL import Image

from kerasseg.doctor.__main__ import main


def run(folder, capsys, *flags):
    """Exit code, and what is printed, in one line."""
    code = 0
    try:
        main([str(folder), "--out", str(folder.parent / "page.html"), *flags])
    except SystemExit as stop:
        code = stop.code
    return code, " ".join(capsys.readouterr().out.split())


def as_tiff(change):
    """Each mask saved as `change(ids)`."""

    def plant(folder):
        for file in patients.masks(folder):
            tifffile.imwrite(
                file.with_suffix(".tif"), change(np.asarray(Image.open(file)))
            )
            file.unlink()
        (folder / "classes.txt").unlink()

    return plant


def nodata(ids):
    return np.where(ids == 3, -9999, ids.astype(np.int16)).astype(np.int16)


CURES = {
    "nodata": (as_tiff(nodata), ("--ignore", "-9999")),
    "void, names": (
        patients.with_legend(lambda ids: np.where(ids == 3, 4, ids).astype(np.uint8)),
        ("--ignore", "4"),
    ),
    "gaps": (
        patients.each_mask(lambda ids: np.uint8([0, 1, 100, 200])[ids]),
        ("--compact",),
    ),
    "probabilities": (
        as_tiff(lambda ids: (ids == 1).astype(np.float32) * np.float32(0.9)),
        ("--threshold", "0.5"),
    ),
    "0 and 255": (
        patients.each_mask(lambda ids: ((ids == 1) * 255).astype(np.uint8)),
        ("--binary",),
    ),
}


@pytest.mark.parametrize("fault", CURES)
def test_the_cure_that_is_named_works(folder, capsys, fault):
    plant, flags = CURES[fault]
    plant(folder)
    code, text = run(folder, capsys)
    assert code == 1 and " ".join(flags) in text
    code, text = run(folder, capsys, *flags)
    assert code == 0, text


def test_black_without_a_name_is_no_healthy_ignore(folder, capsys):
    for file in patients.masks(folder):
        colours = np.array([(0, 0, 0), *patients.COLOURS[1:]], np.uint8)
        patients.save(file, colours[np.asarray(Image.open(file))])
    rows = zip(patients.NAMES[1:], patients.COLOURS[1:].tolist(), strict=True)
    lines = [f"{name} {r} {g} {b}" for name, (r, g, b) in rows]
    (folder / "classes.txt").write_text("\n".join(lines))
    code, text = run(folder, capsys)
    assert code == 1 and "'background 0 0 0'" in text
    assert run(folder, capsys, "--ignore-colour", "0", "0", "0")[0] == 0
    (folder / "classes.txt").write_text("\n".join(["background 0 0 0", *lines]))
    assert run(folder, capsys)[0] == 0


def test_a_file_for_each_class(folder, capsys):
    for file in patients.masks(folder):
        ids = np.asarray(Image.open(file))
        for number, name in enumerate(patients.NAMES[1:], 1):
            patients.save(file.with_name(f"{file.stem}_{name}.png"), ids == number)
        file.unlink()
    (folder / "classes.txt").unlink()
    code, text = run(folder, capsys, "--per-class", "suffix")
    assert code == 0, text
    assert all(name in text for name in ("background", *patients.NAMES[1:]))


def test_the_content_tells_whether_a_mask_lost_values(folder, capsys):
    for file in patients.masks(folder):
        mask = Image.open(file).convert("RGB")
        mask.save(file.with_suffix(".webp"), lossless=True)
        file.unlink()
    code, said = run(folder, capsys)
    assert code == 0 and "JPEG" not in said
    mask.save(file.with_suffix(".webp"), quality=50)
    code, said = run(folder, capsys)
    assert code == 1 and "JPEG" in said


def test_channels_that_are_classes(folder, capsys):
    (folder / "classes.txt").unlink()
    for file in patients.masks(folder):
        np.save(file.with_suffix(".npy"), np.eye(4, dtype=np.uint8)[Image.open(file)])
        file.unlink()
    code, said = run(folder, capsys, "--per-class", "channels")
    assert code == 0 and "hold RGB colours" not in said
