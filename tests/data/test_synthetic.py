"""Synthetic road scenes: seeded, exact, and with every class of CamVid."""

import numpy as np
import pytest

from kerasseg.data.synthetic import TAXONOMY, scene, scenes
from kerasseg.data.synthetic.camera import Camera
from kerasseg.data.synthetic.canvas import VOID_CODE, Canvas
from kerasseg.data.synthetic.light import WEATHERS, Light
from kerasseg.taxonomy import IGNORE

COUNTED = ("Pole", "Tree", "SignSymbol", "Car", "Pedestrian", "Bicyclist")

# Shares of all pixels, between half and about twice those of CamVid's training split:
# Sky 16.9, Building 23.3, Pole 1.0, Road 31.7, Pavement 4.5, Tree 9.7, SignSymbol 1.2,
# Fence 1.1, Car 5.9, Pedestrian 0.6, Bicyclist 0.3 %, counted from its label images.
SHARES = {
    "Sky": (0.10, 0.30),
    "Building": (0.12, 0.33),
    "Pole": (0.005, 0.025),
    "Road": (0.24, 0.42),
    "Pavement": (0.025, 0.10),
    "Tree": (0.05, 0.18),
    "SignSymbol": (0.006, 0.03),
    "Fence": (0.005, 0.035),
    "Car": (0.025, 0.10),
    "Pedestrian": (0.003, 0.015),
    "Bicyclist": (0.002, 0.015),
}


@pytest.fixture(scope="module")
def many():
    return list(scenes(64, 96, 128, seed=11))


def same(a, b):
    return (
        a.id == b.id
        and np.array_equal(a.image, b.image)
        and np.array_equal(a.label, b.label)
        and np.array_equal(a.instance, b.instance)
    )


def test_taxonomy_is_camvids():
    assert TAXONOMY.num_classes == 11
    assert TAXONOMY.names[0] == "Sky" and TAXONOMY.names[-1] == "Bicyclist"
    assert TAXONOMY.colours[3] == (128, 64, 128)


def test_same_numbers_same_scene():
    assert same(scene(3, 5, 64, 96), scene(3, 5, 64, 96))


def test_scenes_do_not_depend_on_what_was_drawn_before():
    row = list(scenes(4, 48, 64, seed=2))
    backwards = [scene(2, index, 48, 64) for index in (3, 2, 1, 0)]
    assert all(same(a, b) for a, b in zip(row, backwards[::-1], strict=True))
    assert same(row[3], next(scenes(1, 48, 64, seed=2, start=3)))


def test_seed_and_index_make_other_scenes():
    base = scene(0, 0, 48, 64)
    for other in (scene(0, 1, 48, 64), scene(1, 0, 48, 64)):
        assert other.id != base.id
        assert (other.label != base.label).mean() > 0.05


@pytest.mark.parametrize(
    "size", [(32, 32), (33, 47), (97, 129), (64, 256), (256, 64), (360, 480)]
)
def test_any_size(size):
    sample = scene(1, 2, *size)
    assert sample.image.shape == (*size, 3) and sample.image.dtype == np.uint8
    assert sample.label.shape == size and sample.label.dtype == np.uint8
    assert sample.instance.shape == size and sample.instance.dtype == np.uint16
    assert sample.image.flags.c_contiguous and sample.label.flags.c_contiguous


def test_full_hd():
    sample = scene(0, 0, 1080, 1920)
    assert sample.image.shape == (1080, 1920, 3)
    assert len(np.unique(sample.label)) >= 8


def test_the_street_is_the_same_at_every_size():
    small, large = scene(4, 7, 96, 128), scene(4, 7, 192, 256)
    assert (small.label == large.label[::2, ::2]).mean() > 0.85


@pytest.mark.parametrize("arguments", [(0, 0, 31, 64), (0, 0, 64, 8), (-1, 0, 64, 64)])
def test_refuses_what_it_cannot_draw(arguments):
    with pytest.raises(ValueError, match="got"):
        scene(*arguments)


def test_ids_are_classes_or_void(many):
    known = {*range(11), IGNORE}
    assert all(set(np.unique(s.label)) <= known for s in many)
    assert sum((s.label == IGNORE).mean() for s in many) / len(many) < 0.05


def test_an_instance_has_one_class_and_a_countable_one_has_an_instance(many):
    counted = [TAXONOMY.names.index(name) for name in COUNTED]
    stuff = [c for c in range(11) if c not in counted]
    for sample in many:
        for number in np.unique(sample.instance)[1:]:
            classes = np.unique(sample.label[sample.instance == number])
            assert len(classes) == 1 and classes[0] in counted
        assert not sample.instance[np.isin(sample.label, stuff)].any()
        things = [
            c for c in counted if TAXONOMY.names[c] != "Tree"
        ]  # grass is Tree too
        assert sample.instance[np.isin(sample.label, things)].all()


def test_every_class_in_any_sixteen(many):
    for start in range(0, len(many), 16):
        union = np.unique([s.label for s in many[start : start + 16]])
        assert set(range(11)) <= set(union)


@pytest.mark.parametrize("name", ["SignSymbol", "Fence", "Pedestrian", "Bicyclist"])
def test_rare_classes_are_in_two_of_five_scenes(many, name):
    number = TAXONOMY.names.index(name)
    assert np.mean([(s.label == number).any() for s in many]) >= 0.4


def test_class_shares_are_like_camvids(many):
    counts = np.bincount(np.ravel([s.label for s in many]), minlength=256)
    shares = dict(zip(TAXONOMY.names, counts[:11] / counts.sum(), strict=True))
    for name, (low, high) in SHARES.items():
        assert low < shares[name] < high, (name, shares[name])


def test_pictures_are_exposed(many):
    means = np.array([s.image.mean() for s in many])
    assert 40 < means.min() and means.max() < 200
    assert means.std() > 8


def test_every_class_has_a_look_of_its_own(many):
    """Neighbouring classes differ in colour where they meet, in most scenes."""
    for sample in many[:16]:
        step = np.abs(np.diff(sample.image.astype(int), axis=1)).sum(-1)
        border = sample.label[:, 1:] != sample.label[:, :-1]
        assert step[border].mean() > 2 * step[~border].mean()


def test_weather_changes_the_picture():
    drawn = [Light.random(np.random.default_rng(i)) for i in range(60)]
    assert {light.weather for light in drawn} == set(WEATHERS)
    by_weather = {light.weather: light for light in drawn}
    wall = {k: v.shade((200, 200, 200), 10.0) for k, v in by_weather.items()}
    assert wall["dusk"][0] - wall["dusk"][2] > wall["overcast"][0] - wall["overcast"][2]
    assert sum(wall["sunny"]) > sum(wall["dusk"])


def test_haze_hides_the_distance():
    light = Light.random(np.random.default_rng(0))
    far = light.shade((0, 0, 0), 1e5)
    assert np.allclose(far, light.haze, atol=1)


def test_projection_by_hand():
    camera = Camera(focal=100.0, centre=(50.0, 40.0), height=1.5, roll=0.0)
    points = [(0, 1.5, 10), (1, 1.5, 10), (0, 0, 10), (-2, 0, 20)]
    expected = [(50, 40), (60, 40), (50, 55), (40, 47.5)]
    assert np.allclose(camera.project(points), expected)


def test_ground_is_the_inverse_of_the_projection():
    camera = Camera(focal=90.0, centre=(31.0, 20.0), height=1.4, roll=0.02)
    first, x, z = camera.ground(60, 64)
    rows, columns = np.nonzero(np.isfinite(z) & (z < 100) & (z > 1))
    world = np.stack([x, np.zeros_like(x), z], -1)[rows, columns]
    pixels = camera.project(world)
    assert np.allclose(pixels[:, 0], columns, atol=0.01)
    assert np.allclose(pixels[:, 1], rows + first, atol=0.01)


def test_labels_are_voted_never_mixed():
    canvas = Canvas(1, 3)
    codes = [[3, 3, 5, VOID_CODE, 8, 2], [3, 9, 0, VOID_CODE, 2, 2]]
    canvas.pixels[..., 3] = codes
    _, label, instance = canvas.result()
    assert label.tolist() == [[3, IGNORE, 2]]
    assert not instance.any()
