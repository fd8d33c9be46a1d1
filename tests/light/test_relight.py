from __future__ import annotations

import numpy as np
import pytest

from vfx_swap.light.harmonics import HarmonicLight
from vfx_swap.light.relight import (
    Environment,
    Lamp,
    direction_of,
    environment_of,
    lamp_light,
    mean_light,
    sphere,
    turned,
)

RIGHT, UP, CAMERA = np.eye(3, dtype=np.float32)


def latlong_with(azimuth: float, elevation: float, *, rows: int = 90) -> np.ndarray:
    """A dim room with one bright pixel at a lamp's angles; the middle column is azimuth 180."""
    picture = np.full((rows, 2 * rows, 3), 0.05, np.float32)
    column = ((360.0 - azimuth) % 360.0) / 360.0 * 2 * rows
    picture[int((0.5 - elevation / 180.0) * rows), int(column) % (2 * rows)] = (900.0, 600.0, 300.0)
    return picture


@pytest.mark.parametrize(
    ("azimuth", "elevation", "wanted"),
    [(0, 0, CAMERA), (90, 0, RIGHT), (-90, 0, -RIGHT), (30, 90, UP), (180, 0, -CAMERA)],
)
def test_angles_are_of_the_camera(azimuth: float, elevation: float, wanted: np.ndarray) -> None:
    assert np.allclose(direction_of(azimuth, elevation), wanted, atol=1e-6)


def test_a_hard_lamp_gives_what_lambert_says_and_a_soft_one_what_half_the_sky_gives() -> None:
    normals, white = sphere(4000), np.ones(3, np.float32)
    lamp = direction_of(35.0, 20.0)
    cosine = normals @ lamp
    hard = lamp_light(Lamp(lamp, 2.0 * white, 0.0), normals)
    assert np.allclose(hard, 2.0 * np.maximum(cosine, 0.0)[:, None], atol=1e-5)
    soft = lamp_light(Lamp(lamp, white, 1.0), normals)
    # Of a half sky the share that a surface sees, summed over its directions.
    sky = sphere(20_000)
    sky = sky[sky @ lamp > 0.0]
    for normal, got in zip(normals[::400], soft[::400], strict=True):
        assert got[0] == pytest.approx(float(np.maximum(sky @ normal, 0.0).mean() * 2.0), abs=0.01)


def test_a_uniform_dome_gives_one_from_all_sides() -> None:
    dome = environment_of(np.full((48, 96, 3), (0.2, 0.4, 0.1), np.float32))
    light = dome.light(sphere(4000), rotation_degrees=77.0)
    assert np.allclose(light @ (0.2126, 0.7152, 0.0722), 1.0, atol=2e-3)
    assert np.allclose(light / light[:, :1], (1.0, 2.0, 0.5), atol=2e-3)


@pytest.mark.parametrize("azimuth", [-120.0, -45.0, 0.0, 60.0, 179.0])
def test_a_bright_spot_lights_what_faces_it(azimuth: float) -> None:
    normals = sphere(4000)
    light = environment_of(latlong_with(azimuth, 25.0)).light(normals, rotation_degrees=0.0)
    brightest = normals[int(light[:, 1].argmax())]
    assert float(brightest @ direction_of(azimuth, 25.0)) > np.cos(np.deg2rad(4.0))
    assert (light > 0.0).all()


def test_turning_an_environment_moves_what_lies_ahead_to_the_right() -> None:
    # What is ahead of the camera, at azimuth 180, goes to the picture's right, azimuth 90.
    assert np.allclose(turned(direction_of(180.0, 0.0), 90.0), RIGHT, atol=1e-6)
    normals = sphere(4000)
    still = environment_of(latlong_with(150.0, 25.0)).light(normals, rotation_degrees=0.0)
    moved = environment_of(latlong_with(180.0, 25.0)).light(normals, rotation_degrees=30.0)
    assert np.allclose(still, moved, rtol=0.05, atol=0.02)


def test_a_black_environment_is_none() -> None:
    with pytest.raises(ValueError, match="no light"):
        environment_of(np.zeros((8, 16, 3), np.float32))


def test_an_environment_is_as_bright_at_any_size() -> None:
    picture = latlong_with(40.0, 10.0)
    larger = np.repeat(np.repeat(picture, 3, axis=0), 3, axis=1)
    normals = sphere(4000)[::40]
    lights = [environment_of(one).light(normals, rotation_degrees=0.0) for one in (picture, larger)]
    assert np.allclose(lights[1], lights[0], atol=0.01)


def test_the_mean_light_has_the_skin_s_mean_luminance() -> None:
    colour = np.zeros((4, 3), np.float32)
    colour[0] = (1.5, 0.9, 0.6)
    light = HarmonicLight(np.eye(9, dtype=np.float32)[0] * 0.3, colour, 0.25)
    assert mean_light(light) @ (0.2126, 0.7152, 0.0722) == pytest.approx(0.25, rel=1e-5)
    assert mean_light(light)[0] / mean_light(light)[2] == pytest.approx(2.5, rel=1e-5)


def test_values_say_what_shape_they_want() -> None:
    with pytest.raises(ValueError, match="radiance"):
        Environment(np.zeros((4, 3), np.float32))
    with pytest.raises(ValueError, match="direction"):
        Lamp(np.zeros(2, np.float32), np.ones(3, np.float32), 0.0)
