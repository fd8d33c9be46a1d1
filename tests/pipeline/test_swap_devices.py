"""A frame's whole journey on a device agrees with numpy's, and keeps the plate's bits as it does."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.comp.painted import likeness
from tests.models import faces
from tests.pipeline.test_swap import HEIGHT, WIDTH, Painter, Pasted, bits, cast, check, face_at, frame, plate, shot
from tests.torch_devices import DEVICES, open_or_skip
from vfx_swap.arrays import FloatArray
from vfx_swap.colour.ocio import LINEAR_REC709, load_config
from vfx_swap.comp.motion import MotionBlur, blur_along
from vfx_swap.models.kernels import NUMPY, Kernels
from vfx_swap.models.protocols import Swapper
from vfx_swap.models.reprojection.swapper import ReprojectionOptions, ReprojectionSwapper
from vfx_swap.models.reprojection.texture import build_texture
from vfx_swap.models.torch_kernels.kernels import torch_kernels
from vfx_swap.pipeline.swap import CastFace, swap_frame
from vfx_swap.settings import Lighting, Matte, Shot
from vfx_swap.types import Crop, Face, Frame, Front, Identity, SwapResult, Warp

LIGHT = Lighting(exposure_stops=0.5, temperature_mired=20.0, tint=0.1)


@pytest.fixture(params=DEVICES)
def kernels(request: pytest.FixtureRequest) -> Kernels:
    device = open_or_skip(request.param)
    return torch_kernels(device.index if device.type == "cuda" else None)


class ThroughNumpy:
    """A swapper that works on numpy arrays, for crops that lie on a device."""

    def __init__(self, swapper: Swapper[Any], kernels: Kernels) -> None:
        self.id = swapper.id
        self.swapper, self.kernels = swapper, kernels

    def prepare(self, identity: Identity, *, colour_space: str, performer: FloatArray | None = None) -> Any:
        """What the swapper prepares."""
        return self.swapper.prepare(identity, colour_space=colour_space, performer=performer)

    def warp_for(self, face: Face, /) -> Warp:
        """The swapper's."""
        return self.swapper.warp_for(face)

    def swap(self, crop: Crop, face: Face, prepared: Any, /) -> Crop:
        """The swapper's crop, on the device again."""
        there = self.kernels.plain
        front = None if crop.front is None else there(crop.front)
        plain = Crop(there(crop.rgb), there(crop.alpha), crop.warp, crop.colour_space, front)
        after = self.swapper.swap(plain, face, prepared)
        return replace(crop, rgb=self.kernels.array(after.rgb), alpha=self.kernels.array(after.alpha))


def on(kernels: Kernels, one: CastFace) -> CastFace:
    """The same face, swapped on the kernels' device."""
    return replace(one, swapper=ThroughNumpy(one.swapper, kernels), kernels=kernels)


def both(source: Frame, everyone: list[CastFace], kernels: Kernels, settings: Shot) -> tuple[SwapResult, SwapResult]:
    """By numpy, and on the device; the plate's bits hold in both."""
    results = []
    for chosen in (everyone, [on(kernels, one) for one in everyone]):
        with np.errstate(invalid="ignore", over="ignore"):
            results.append(swap_frame(source, chosen, shot=settings, want_patch=True))
            check(results[-1], source)
    return results[0], results[1]


def assert_alike(wanted: FloatArray, got: FloatArray, *, tolerance: float) -> None:
    """Within a tolerance of each value, and of 0.1 in the dark."""
    np.testing.assert_array_equal(np.isfinite(got), np.isfinite(wanted))
    good = np.isfinite(wanted)
    off = np.abs(got[good] - wanted[good]) / np.maximum(np.abs(wanted[good]), 0.1)
    assert float(off.max(initial=0.0)) <= tolerance


@pytest.mark.parametrize("scale", [1.0, 0.6], ids=["whole pixels", "resampled"])
def test_several_faces_light_and_a_grown_matte(scale: float, kernels: Kernels) -> None:
    spots = [(20.0, 20.0, 24.0), (34.0, 24.0, 30.0), (WIDTH - 3.0, HEIGHT - 2.0, 20.0), (400.0, 400.0, 30.0)]
    everyone = [cast(track, face_at(*spot), Painter(scale=scale), 0.8) for track, spot in enumerate(spots)]
    wanted, got = both(frame(plate()), everyone, kernels, shot(expand=1.5, lighting=LIGHT))
    assert_alike(wanted.matte, got.matte, tolerance=1e-5)
    assert_alike(wanted.frame.rgb, got.frame.rgb, tolerance=1e-4)
    assert wanted.patch is not None
    assert got.patch is not None
    assert_alike(wanted.patch, got.patch, tolerance=1e-4)
    assert set(got.track_mattes) == {0, 1, 2, 3}


@pytest.mark.parametrize("scale", [1.0, 0.6], ids=["whole pixels", "resampled"])
def test_what_lies_in_front_stays(scale: float, kernels: Kernels) -> None:
    hand = np.zeros((20, 10), np.uint8)
    hand[5:15] = 255
    face = replace(face_at(30.0, 22.0, 34.0), front=Front(left=20.0, top=12.0, step=1.5, mattes={"hand": hand}))
    settings = shot(grain=True).model_copy(update={"matte": Matte(holdout=("hand",))})
    wanted, got = both(frame(plate()), [cast(0, face, Painter(scale=scale))], kernels, settings)
    assert float(wanted.matte.max()) > 0.9
    assert float(wanted.matte[22:30, 24:30].max()) < 0.1
    assert_alike(wanted.matte, got.matte, tolerance=1e-5)
    assert_alike(wanted.frame.rgb, got.frame.rgb, tolerance=1e-3)


def test_motion_and_grain(kernels: Kernels) -> None:
    performer, matte = likeness(260, seed=0)
    identity, _ = likeness(260, seed=5)
    grain = np.random.default_rng(2).normal(0.0, 0.01, performer.shape)
    moved = (np.sqrt(blur_along(performer, MotionBlur(14.0, 30.0))) + grain) ** 2
    one = CastFace(0, face_at(130.0, 130.0, 200.0), Pasted(identity, matte), None, 1.0)
    wanted, got = both(frame(moved.astype(np.float32)), [one], kernels, shot(grain=True))
    assert not np.allclose(wanted.frame.rgb[matte >= 1.0], identity[matte >= 1.0], rtol=1e-2)
    assert_alike(wanted.frame.rgb, got.frame.rgb, tolerance=1e-4)
    assert_alike(wanted.matte, got.matte, tolerance=1e-4)


@pytest.mark.parametrize("shift", [(0, 0), (-230, 0), (4000, 0)])
def test_the_real_swapper(shift: tuple[int, int], kernels: Kernels) -> None:
    sitter, mesh = faces.collins(), faces.canonical_mesh()
    identity = faces.identity_of(sitter, build_texture([sitter.reference], mesh=mesh, size=128))
    config, options = load_config(), ReprojectionOptions(reshape=0.5)
    rgb = np.roll(sitter.rgb, (shift[1] % 512, shift[0] % 512), axis=(0, 1)).copy()
    rgb[::37, ::41], rgb[::43, ::29] = np.nan, np.inf
    source, face = faces.frame_of(rgb, x=-40, y=25), sitter.face(shift=(shift[0] - 40.0, shift[1] + 25.0))
    results = []
    for chosen in (NUMPY, kernels, kernels):
        swapper = ReprojectionSwapper(mesh=mesh, config=config, options=options, kernels=chosen)
        prepared = swapper.prepare(identity, colour_space=LINEAR_REC709, performer=sitter.points)
        one = CastFace(0, face, swapper, prepared, 0.9, kernels=chosen)
        with np.errstate(invalid="ignore"):
            results.append(swap_frame(source, [one], shot=shot(grain=True), want_patch=False))
        check(results[-1], source)
    wanted, got, again = results
    assert_alike(wanted.matte, got.matte, tolerance=1e-3)
    assert_alike(wanted.frame.rgb, got.frame.rgb, tolerance=1e-3)
    assert np.array_equal(bits(got.frame.rgb), bits(again.frame.rgb)), "two runs on one device differ"
