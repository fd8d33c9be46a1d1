from __future__ import annotations

import numpy as np

from vfx_swap.models.reprojection.atlas import Atlas
from vfx_swap.models.reprojection.filling import lips_apart, under_the_nose
from vfx_swap.models.reprojection.openings import shut_line


def test_lips_photographed_shut_or_open_have_the_same_inner_edge(fine_atlas: Atlas) -> None:
    size = fine_atlas.size
    lips = fine_atlas.regions["lips"] > 0.9
    middle = round(float(fine_atlas.loops["mouth"][:, 1].mean()) * size)
    column = size // 2
    outcomes = []
    for seam in (-1.5, 0.8):
        luminance = np.full((size, size), -0.2, np.float32)
        luminance[middle - 6 : middle + 7, :] = seam
        colour = np.zeros((size, size, 3), np.float32)
        clean, _ = lips_apart(luminance, colour, fine_atlas)
        # Clear of the line, lips are lips, whatever the photograph had between them.
        for row in (middle - 9, middle + 9):
            assert lips[row, column]
            assert abs(float(clean[row, column]) + 0.2) < 0.05
        assert float(clean[middle, column]) < -1.2
        # Off the lips nothing is touched.
        off = fine_atlas.regions["lips"] == 0.0
        np.testing.assert_array_equal(clean[off & (np.abs(np.arange(size) - middle) > 12)[:, None]], np.float32(-0.2))
        outcomes.append(clean[middle - 30 : middle + 30, column])
    np.testing.assert_allclose(outcomes[0], outcomes[1], atol=0.05)


def test_a_nose_that_hangs_before_the_lip_leaves_no_spot_there(fine_atlas: Atlas) -> None:
    size = fine_atlas.size
    base = round(float(fine_atlas.loops["nostrils"][:, 1].max()) * size)
    luminance = np.zeros((size, size), np.float32)
    luminance[base - 30 : base + 6, 470:560] = 0.5
    luminance[base + 6 : base + 14, 490:535] = -1.0
    trust = np.ones((size, size), np.float32)
    mended = under_the_nose(luminance, trust, fine_atlas)
    below = mended[base + 3 : base + 20, 475:550]
    assert np.abs(luminance[base + 3 : base + 20, 475:550]).max() == 1.0
    assert np.abs(below).max() < 0.25
    # The nose itself stays as it was photographed, and so does what is like the skin around it.
    inside = fine_atlas.regions["nostrils"] > 0.6
    np.testing.assert_array_equal(mended[inside], luminance[inside])
    faint = luminance * np.float32(0.1)
    np.testing.assert_array_equal(under_the_nose(faint, trust, fine_atlas), faint)


def test_a_line_of_lashes_stands_where_lids_are_shut_and_nowhere_else() -> None:
    eyes = np.array([[1.0, 1.0, 0.5, 0.5, 0.0]], np.float32)
    at = np.stack([np.arange(5.0), np.zeros(5)], axis=1).astype(np.float32)
    lids = np.array([0.1, 1.0, 0.45, 0.7, 0.0], np.float32)
    np.testing.assert_array_equal(shut_line(eyes, at, lids)[:, 0], np.array([1.0, 0.0, 0.0, 0.0, 0.0], np.float32))
