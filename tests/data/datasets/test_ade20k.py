"""ADE20K SceneParsing in miniature: ids one lower, 0 ignored, names from its list."""

import numpy as np
from pictures import counts, load, picture, refuses, save

MASK = np.array([[0, 1, 2, 150], [2, 2, 1, 0], [150, 150, 0, 1]], np.uint8)


def make(root):
    for split, names in {
        "training": ["ADE_train_00000001", "ADE_train_00000002"],
        "validation": ["ADE_val_00000001"],
    }.items():
        for name in names:
            save(root / f"images/{split}/{name}.jpg", picture())
            save(root / f"annotations/{split}/{name}.png", MASK)
    return root


def test_ade20k(tmp_path):
    root = make(tmp_path)
    taxonomy, splits = load("ade20k", root)
    # Classes and colours by hand from objectInfo150.txt and color150.mat.
    known = {0: ("wall", (120, 120, 120)), 12: ("person", (150, 5, 61))}
    known |= {89: ("television", (0, 255, 194)), 149: ("flag", (92, 0, 255))}
    assert {i: (taxonomy.names[i], taxonomy.colours[i]) for i in known} == known
    assert taxonomy.num_classes == 150
    assert counts(splits) == {
        "train": 2,
        "val": 1,
    }
    (sample,) = splits["val"]
    expected = [[255, 0, 1, 149], [1, 1, 0, 255], [149, 149, 255, 0]]
    assert sample.label.tolist() == expected
    assert sample.label.dtype == np.uint8
    assert sample.encoded.startswith(b"\xff\xd8")


def test_ade20k_names(tmp_path):
    root = make(tmp_path)
    # The true file: a heading, tabs, stray blanks, synonyms after commas.
    rows = ["Idx\tRatio\tTrain\tVal\tName", "1\t0.1576\t11664\t1172\twall"]
    rows += ["2\t0.1072\t6046\t612\tbuilding, edifice", "3 \t0.0231\t1906\t199\tbed "]
    rows += [f"{i}\t0.0002\t1\t1\tthing {i}, other" for i in range(4, 151)]
    (root / "objectInfo150.txt").write_text("\n".join(rows) + "\n")
    taxonomy, _ = load("ade20k", root)
    assert taxonomy.names[:4] == ("wall", "building", "bed", "thing 4")
    assert taxonomy.colours[1] == (180, 120, 120)
    (root / "objectInfo150.txt").write_text("\n".join(rows[:-1]))
    refuses(r"objectInfo150.txt must name classes 1 to 150", "ade20k", root)


def test_ade20k_faults(tmp_path):
    refuses("neither images/training nor", "ade20k", tmp_path)
    (tmp_path / "images/training").mkdir(parents=True)
    refuses(r"holds no \*.jpg", "ade20k", tmp_path)
    root = make(tmp_path)
    mask = root / "annotations/training/ADE_train_00000002.png"
    save(mask, MASK + np.uint8(1))
    refuses(r"00000002.png must be an 8-bit gray PNG", "ade20k", root)
    mask.unlink()
    refuses(r"00000002.jpg has no label .*00000002.png", "ade20k", root)
