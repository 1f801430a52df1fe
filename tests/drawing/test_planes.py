"""Three planes of a volume side by side, as radiologists look at them."""

import numpy as np

from kerasseg.drawing import planes


def test_orientation_and_square_pixels():
    volume = np.zeros((2, 3, 4), np.uint8)  # z, y, x
    volume[1, 2, 3] = 7  # head, front, the patient's right
    seen = planes.side_by_side(volume, (1, 2, 3), (2, 1, 1), outside=255)
    assert seen.shape == (4, 4 + 4 + 3)
    axial, coronal, sagittal = seen[:, :4], seen[:, 4:8], seen[:, 8:]
    assert (axial[3] == 255).all()  # it is three rows high
    assert axial[0, 0] == 7 and (axial == 7).sum() == 1
    # Planes of 2 mm are two pixels high.
    assert (coronal[:2, 0] == 7).all() and (coronal == 7).sum() == 2
    assert (sagittal[:2, 0] == 7).all() and (sagittal == 7).sum() == 2


def test_planes_go_through_what_is_there():
    there = np.zeros((5, 6, 7), bool)
    assert planes.through(there) == (2, 3, 3)
    there[1, 2, 3:6] = True
    there[1, 4, 5] = True
    assert planes.through(there) == (1, 2, 5)
