"""Light on a device agrees with light's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.models.torch_kernels.agreement import assert_near, on
from vfx_swap.light import grade as plain_grade
from vfx_swap.light import harmonics as plain
from vfx_swap.models.torch_kernels.light import fit_light, grade, harmonic_basis

TOLERANCE = 1e-5
"""Of the largest value; measured: 4e-7 on the CPU."""
TO_REC709 = np.array([[1.7, -0.6, -0.1], [-0.1, 1.1, 0.0], [0.0, -0.1, 1.1]])


def skin(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(n, 3) colours lit from the side with some that are no skin, (n, 3) normals, (n,) weights."""
    rng = np.random.default_rng(seed)
    normals = rng.normal(size=(4000, 3))
    normals[:, 2] = np.abs(normals[:, 2])
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    light = 0.2 + np.maximum(normals @ rng.normal(size=3), 0.0)
    colours = light[:, None] * [0.5, 0.35, 0.3] * rng.uniform(0.8, 1.2, (4000, 1))
    colours[::11] = rng.random((len(colours[::11]), 3))
    weights = rng.random(4000, dtype=np.float32)
    weights[::3] = 9e-6  # too little to count
    return colours.astype(np.float32), normals.astype(np.float32), weights


@pytest.mark.parametrize("seed", range(4))
def test_a_fit_and_its_shade(seed: int, device: Any) -> None:
    colours, normals, weights = skin(seed)
    wanted, got = plain.fit_light(colours, normals, weights), fit_light(*on(device, colours, normals, weights))
    assert_near(got.brightness, wanted.brightness, tolerance=TOLERANCE)
    assert_near(got.colour, wanted.colour, tolerance=TOLERANCE)
    assert float(got.mean) == pytest.approx(wanted.mean, rel=1e-6)
    around = -normals  # where nothing was seen, too
    assert_near(got.shade(on(device, around)), wanted.shade(around), tolerance=TOLERANCE)
    assert_near(harmonic_basis(on(device, normals)), plain.harmonic_basis(normals), tolerance=TOLERANCE)


def test_no_sample_is_refused(device: Any) -> None:
    colours, normals, weights = skin(0)
    with pytest.raises(ValueError, match="no skin"):
        fit_light(*on(device, colours, normals, 0.0 * weights))


@pytest.mark.parametrize("to_rec709", [None, TO_REC709], ids=["Rec.709", "other primaries"])
@pytest.mark.parametrize(("stops", "mired", "tint"), [(1.5, 0.0, 0.0), (-0.5, 40.0, 0.1)])
def test_the_shots_grade(stops: float, mired: float, tint: float, to_rec709: np.ndarray | None, device: Any) -> None:
    rgb = np.random.default_rng(0).uniform(-1.0, 50.0, (30, 20, 3)).astype(np.float32)
    rgb[3, 4], rgb[5, 6, 0] = np.nan, np.inf
    gain = plain_grade.light_gain(exposure_stops=stops, temperature_mired=mired, tint=tint)
    with np.errstate(invalid="ignore"):
        wanted = plain_grade.grade(rgb, gain=gain, to_rec709=to_rec709)
    assert_near(grade(on(device, rgb), gain=gain, to_rec709=to_rec709), wanted, tolerance=TOLERANCE)
