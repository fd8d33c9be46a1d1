from __future__ import annotations

import numpy as np
import pytest

from vfx_swap.light.key_light import FROM_ABOVE, find_key
from vfx_swap.light.relight import Lamp, direction_of, lamp_light, sphere


def shading(azimuth: float, elevation: float, lamp: float, even: float) -> tuple[np.ndarray, np.ndarray]:
    normals = sphere(3000)
    normals = normals[normals[:, 2] > 0.3]
    lit = lamp_light(Lamp(direction_of(azimuth, elevation), np.full(3, lamp, np.float32), 0.2), normals)[:, 0]
    return (lit + even) * (1.0 + FROM_ABOVE * normals[:, 1]), normals


@pytest.mark.parametrize(("azimuth", "elevation"), [(-60, 20), (-20, 0), (0, 40), (35, -15), (75, 30)])
def test_a_lamp_beside_even_light_is_found(azimuth: float, elevation: float) -> None:
    brightness, normals = shading(azimuth, elevation, 1.5, 0.3)
    noise = np.random.default_rng(4).normal(0.0, 0.05, len(brightness))
    found = find_key((brightness + noise).astype(np.float32), normals)
    assert float(found.direction @ direction_of(azimuth, elevation)) > np.cos(np.deg2rad(5.0))
    assert found.intensity == pytest.approx(1.5, rel=0.1)
    assert found.even == pytest.approx(0.3, abs=0.1)


def test_even_light_has_no_key_worth_the_name() -> None:
    brightness, normals = shading(0.0, 0.0, 0.0, 1.0)
    found = find_key(brightness.astype(np.float32), normals)
    assert found.intensity < 0.02
    assert found.even == pytest.approx(1.0, rel=0.02)


def test_no_light_is_ever_negative() -> None:
    brightness, normals = shading(80.0, 10.0, 1.0, 0.0)
    found = find_key(np.maximum(brightness - 0.2, 0.0).astype(np.float32), normals)
    assert found.even >= 0.0
    assert found.intensity > 0.5
