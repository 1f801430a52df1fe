"""Where things stand: a random arrangement of houses, trees, furniture and traffic."""

from __future__ import annotations

import numpy as np

from kerasseg.data.synthetic import furniture, greenery
from kerasseg.data.synthetic.buildings import House
from kerasseg.data.synthetic.furniture import Post
from kerasseg.data.synthetic.ground import Street
from kerasseg.data.synthetic.people import Person
from kerasseg.data.synthetic.stage import Thing, pick
from kerasseg.data.synthetic.vehicles import Vehicle


def arrange(rng: np.random.Generator, street: Street) -> list[Thing]:
    """All things of one scene, in no order; the same for every size of the picture."""
    things = []
    for side in (-1, 1):
        things += _roadside(rng, street, side)
        things += _posts(rng, street, side)
        things += _parked(rng, street, side)
    things += _traffic(rng, street)
    things += _people(rng, street)
    if rng.random() < 0.5:
        things.append(_end_of_street(rng, street))
    return things


def _roadside(rng, street, side):
    """Houses behind gardens, hedges, fences and trees along one side."""
    things = []
    setback = 0.0 if rng.random() < 0.45 else rng.uniform(1.5, 6)
    edge = street.half + street.pavement
    open_land = rng.random() < 0.22
    trees = rng.random() < 0.5
    border = pick(rng, ("fence", "fence", "hedge", "none"))
    z = rng.uniform(2, 4)
    while z < 120:
        length = rng.uniform(6, 15) * (1 + z / 80)
        if street.in_gap(side, z, z + length):
            z += 3.0
            continue
        built = rng.random() < (0.15 if open_land else 0.9)
        if built:
            line = side * (edge + setback - 0.05)
            wall = [(street.place(line, v), v) for v in (z, z + length)]
            things.append(House.random(rng, wall, (side, 0.0)).thing())
        else:
            for _ in range(rng.integers(1, 4)):
                s = side * (edge + rng.uniform(3, 9))
                v = z + rng.uniform(0, length)
                tree = greenery.Tree.random(
                    rng, street.place(s, v), v, rng.uniform(5, 11)
                )
                things.append(tree.thing())
        if z < 55 and (setback or not built):
            ends = [(street.place(side * (edge - 0.05), v), v) for v in (z, z + length)]
            things += _border(rng, border, ends)
        z += length + (rng.uniform(0, 3) if rng.random() < 0.4 else 0.0)
    if trees:
        for v in np.arange(rng.uniform(7, 16), 70, rng.uniform(9, 16)):
            if not street.in_gap(side, v - 1, v + 1):
                s = side * (edge - 0.4)
                tree = greenery.Tree.random(
                    rng, street.place(s, v), v, rng.uniform(4, 8)
                )
                things.append(tree.thing())
    return things


def _border(rng, kind, ends):
    if kind == "hedge":
        leaves = pick(rng, greenery.LEAVES)
        return [greenery.hedge(ends[0], ends[1], rng.uniform(0.8, 1.8), leaves)]
    if kind == "fence":
        style = pick(rng, ("planks", "rails", "mesh"))
        return [furniture.fence(ends[0], ends[1], rng.uniform(1.0, 1.7), style)]
    return []


def _posts(rng, street, side):
    """Posts along the kerb, and sometimes a railing between pavement and road."""
    things = []
    line = side * (street.half + 0.5)
    kinds = ("lamp",) * 5 + ("sign",) * 5 + ("board",) + ("traffic",) * 2
    for z in np.arange(rng.uniform(6.5, 10), 60, rng.uniform(7, 12)):
        v = z + rng.uniform(-1, 1)
        if street.in_gap(side, v - 0.5, v + 0.5):
            continue
        kind = pick(rng, kinds)
        things.append(Post.random(rng, street.place(line, v), v, kind, -side).thing())
    if rng.random() < 0.3:
        start = rng.uniform(6, 18)
        stop = start + rng.uniform(4, 12)
        if not street.in_gap(side, start, stop):
            s = side * (street.half + 0.3)
            ends = [(street.place(s, v), v) for v in (start, stop)]
            things.append(furniture.fence(ends[0], ends[1], 1.05, "rails"))
    if rng.random() < 0.15:
        v = rng.uniform(8, 25)
        s = side * (street.half + street.pavement - 0.6)
        things.append(furniture.clutter(rng, street.place(s, v), v))
    return things


def _parked(rng, street, side):
    things = []
    if rng.random() > 0.5:
        return things
    z = rng.uniform(8, 25)
    facing = 0.0 if rng.random() < 0.7 else np.pi
    while z < 60 and rng.random() < 0.8:
        if not street.in_gap(side, z - 3, z + 3):
            s = side * (street.half - 1.1)
            yaw = street.heading(z) + facing + rng.normal(0, 0.03)
            things.append(Vehicle.random(rng, street.place(s, z), z, yaw).thing())
        z += rng.uniform(5.6, 11)
    return things


def _traffic(rng, street):
    """Cars in our lane drive away from us, those in the other lanes come."""
    things = []
    ours = -np.sign(street.offset)
    lane = street.half * 2 / street.lanes
    lanes = [(ours, 0.0, rng.uniform(9, 40)), (-ours, np.pi, rng.uniform(8, 35))]
    for side, facing, z in lanes:
        while z < 90 and rng.random() < 0.72:
            s = side * (street.half - lane / 2) if street.lanes != 3 else side * lane
            yaw = street.heading(z) + facing + rng.normal(0, 0.02)
            things.append(Vehicle.random(rng, street.place(s, z), z, yaw).thing())
            z += rng.uniform(9, 30)
    for side, low, high in street.gaps:
        if rng.random() < 0.5:
            s = side * (street.half + rng.uniform(0.5, 3))
            z = (low + high) / 2
            x = street.place(s, z)
            things.append(Vehicle.random(rng, x, z, -side * np.pi / 2).thing())
    return things


def _people(rng, street):
    things = []
    for _ in range(rng.poisson(5.0)):
        z = 4 + 9 * rng.random() ** 1.3
        side = pick(rng, (-1, 1))
        crossing = rng.random() < 0.15
        along = rng.uniform(0.8, max(0.9, street.pavement - 0.4))
        s = (
            rng.uniform(-1, 1) * street.half
            if crossing
            else side * (street.half + along)
        )
        turn = np.pi / 2 if crossing or rng.random() < 0.25 else 0.0
        yaw = turn + np.pi * rng.integers(2) + rng.normal(0, 0.25)
        things.append(Person.random(rng, street.place(s, z), z, yaw).thing())
    for _ in range(rng.poisson(2.5)):
        z = rng.uniform(6, 10)
        across = rng.random() < 0.25
        s = pick(rng, (-1, 1)) * (street.half - rng.uniform(0.5, 1.4))
        coming = s * street.offset > 0
        yaw = np.pi / 2 if across else street.heading(z)
        yaw += np.pi * (rng.integers(2) if across else coming) + rng.normal(0, 0.2)
        x = street.place(s, z)
        things.append(Person.random(rng, x, z, yaw, cycling=True).thing())
    return things


def _end_of_street(rng, street):
    """A house across the street, far ahead."""
    z = rng.uniform(60, 110)
    wide = rng.uniform(14, 30)
    middle = street.middle(z) + rng.normal(0, 4)
    wall = [(middle - wide / 2, z), (middle + wide / 2, z)]
    return House.random(rng, wall, (0.0, 1.0)).thing()
