"""The demo's plate: a 1920x1080 ACEScg EXR shot made from one public-domain portrait.

The picture is a photograph of 512 pixels, so the shot is as soft as a 3.7x to 4.1x enlargement of it must be. All else
is as a plate would have it: scene-linear light with speculars far above 1, a moving camera, a head that rolls, a warm
key that sweeps across the face, an exposure pull of 1.5 stops, film grain, and one frame blurred by a knocked camera.
Every bit follows from the arguments: two runs on one machine write the same pixels.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import OpenImageIO as oiio
from scipy import ndimage

from vfx_swap.arrays import FloatArray
from vfx_swap.errors import OutputError, UsageError
from vfx_swap.io.atomic import atomic_write
from vfx_swap.pipeline.demo_light import (
    LIN_REC709_TO_ACESCG,
    SurfaceField,
    add_grain,
    make_surface,
    shade,
    srgb_to_linear,
)
from vfx_swap.pipeline.demo_motion import MotionState, ShotMotion, plate_to_portrait, portrait_to_plate
from vfx_swap.pipeline.demo_portraits import COLLINS, portrait_landmarks, read_portrait

__all__ = ["DemoShot", "make_demo_shot", "render_demo_frame"]

_FIRST_FRAME = 1001
_PAD = 48
"""Portrait pixels mirrored around the photograph, so that no border shows."""
_ROWS = 340
"""Portrait rows used: the shot never looks lower."""
_KEY_COLOUR = np.array([1.0, 0.76, 0.52], dtype=np.float32)
_AP1_CHROMATICITIES = (0.713, 0.293, 0.165, 0.830, 0.128, 0.044, 0.32168, 0.33767)
"""Red, green, blue, white x and y of ACEScg (S-2014-004)."""
_PRACTICALS = ((340.0, 47.0, 8.5, 20.0), (118.0, 31.0, 6.5, 14.0))
"""Bulbs out of focus behind her: x, y, radius in portrait pixels, light before exposure."""
_EXPOSURE = 0.45
"""Puts skin in the key at 0.2 to 0.6 over the shot."""


@dataclass(frozen=True)
class DemoShot:
    """What was made."""

    pattern: str
    """Path of the frames with `####`."""
    frames: tuple[int, ...]
    blurred_frame: int
    """The one frame with motion blur."""
    truth: Path
    """`truth.json`: where every landmark is in every frame, by construction."""


@dataclass(frozen=True, eq=False)
class _Scene:
    """What one frame is drawn from."""

    master: FloatArray
    """(h, w, 4) scene-linear Rec.709 and gloss, enlarged `factor` times."""
    factor: int
    surface: SurfaceField
    motion: ShotMotion
    seed: int


def make_demo_shot(
    out: Path,
    *,
    frames: int = 24,
    width: int = 1920,
    height: int = 1080,
    seed: int = 1962,
    name: str = "demo_plate",
    progress: Callable[[int, int], None] | None = None,
) -> DemoShot:
    """Write the plate's frames and `truth.json` into `out`.

    Args:
        out: folder to write into; made when it is not there.
        frames: how many; numbered from 1001.
        width: of a frame, in pixels.
        height: of a frame, in pixels; the face is some 0.38 of it.
        seed: of the grain and the skin's detail.
        name: of the files, before the frame number.
        progress: called with frames done and frames in all.

    Raises:
        UsageError: no frames, or a frame too small to hold a face.
        InputError: the portrait is not there or cannot be read.
        OutputError: the frames cannot be written.
    """
    if frames < 1 or width < 64 or height < 36:
        raise UsageError(
            f"a demo shot of {frames} frames of {width}x{height} cannot be made",
            mend="Ask for at least one frame of 64x36",
        )
    scene = _make_scene(ShotMotion(frames, width, height), seed=seed)

    def write(index: int) -> None:
        number = _FIRST_FRAME + index
        _write_exr(out / f"{name}.{number:04d}.exr", _draw(scene, index), number=number)

    # Two at a time, so that one is drawn while another is compressed: no frame depends on another.
    with ThreadPoolExecutor(2, "vfx-swap-demo") as workers:
        tasks = [workers.submit(write, index) for index in range(frames)]
        try:
            for done, task in enumerate(tasks, start=1):
                task.result()
                if progress is not None:
                    progress(done, frames)
        except BaseException:
            workers.shutdown(wait=True, cancel_futures=True)
            raise
    truth = out / "truth.json"
    with atomic_write(truth) as temporary:
        temporary.write_text(json.dumps(_truth(scene.motion), indent=1) + "\n", encoding="utf-8")
    numbers = tuple(range(_FIRST_FRAME, _FIRST_FRAME + frames))
    return DemoShot(str(out / f"{name}.####.exr"), numbers, _FIRST_FRAME + scene.motion.blurred, truth)


def render_demo_frame(
    index: int, *, frames: int = 24, width: int = 1920, height: int = 1080, seed: int = 1962
) -> FloatArray:
    """One frame of the shot, (height, width, 3) scene-linear ACEScg, as it is before rounding to half."""
    return _draw(_make_scene(ShotMotion(frames, width, height), seed=seed), index)


def _make_scene(motion: ShotMotion, *, seed: int) -> _Scene:
    factor = max(1, int(np.ceil(4.05 * motion.height / 1080.0)))
    linear = srgb_to_linear(read_portrait(COLLINS)[:_ROWS])
    linear = _expand_highlights(linear)
    padded = _pad(linear)
    surface = make_surface(portrait_landmarks(), shape=padded.shape[:2], offset=(-_PAD, -_PAD))
    master = np.empty((padded.shape[0] * factor, padded.shape[1] * factor, 4), dtype=np.float32)
    for channel in range(3):
        master[..., channel] = _enlarge(padded[..., channel], factor)
    _add_detail(master[..., :3], factor=factor, face=_enlarge(surface.face, factor), seed=seed)
    master[..., 3] = _skin_shine(master[..., :3], factor=factor)
    return _Scene(master, factor, surface, motion, seed)


def _draw(scene: _Scene, index: int) -> FloatArray:
    """Light gathered over the open shutter, in ACEScg, with grain."""
    states = scene.motion.shutter(index)
    light = np.zeros((scene.motion.height, scene.motion.width, 3), dtype=np.float32)
    for state in states:
        light += _expose(scene, state)
    light /= np.float32(len(states))
    acescg = np.ascontiguousarray(light.reshape(-1, 3) @ LIN_REC709_TO_ACESCG.T).reshape(light.shape)
    return add_grain(acescg, seed=(scene.seed, index))


def _expose(scene: _Scene, state: MotionState) -> FloatArray:
    """The scene at one time as linear Rec.709 light."""
    x, y = plate_to_portrait(state, width=scene.motion.width, height=scene.motion.height)
    x, y = x + np.float32(_PAD), y + np.float32(_PAD)
    field = shade(scene.surface, state, offset=(-_PAD, -_PAD)).gain
    border = cv2.BORDER_REFLECT_101
    gain = cv2.remap(field, x, y, cv2.INTER_LINEAR, borderMode=border)
    factor = np.float32(scene.factor)
    shift = np.float32((scene.factor - 1) / 2)
    picture = cv2.remap(scene.master, x * factor + shift, y * factor + shift, cv2.INTER_CUBIC, borderMode=border)
    light = np.clip(picture[..., :3], 0.0, None) * gain[..., :3]
    light += (gain[..., 3] * np.clip(picture[..., 3], 0.0, None))[..., None] * _KEY_COLOUR
    _add_practicals(light, state)
    exposed: FloatArray = light * np.float32(_EXPOSURE * 2.0**state.exposure_stops)
    return exposed


def _expand_highlights(linear: FloatArray) -> FloatArray:
    """Give back what the photograph clipped: the last half stop under white opens up, to some 8 at white."""
    peak = linear.max(axis=-1, keepdims=True)
    bright = np.clip((peak - np.float32(0.80)) / np.float32(0.20), 0.0, 1.0)
    # Large white areas are paint and cloth, small ones glints: only these become lights.
    wide = ndimage.uniform_filter(np.clip((peak[..., 0] - 0.55) / 0.45, 0.0, 1.0), 15)[..., None]
    glint = np.clip(1.0 - 2.2 * wide, 0.0, 1.0)
    # Softened by a pixel, else the enlargement shows each as a stair.
    lift = ndimage.gaussian_filter((9.0 * bright**3 * glint)[..., 0], 0.8)[..., None]
    expanded: FloatArray = (linear * (1.0 + lift + 0.25 * bright)).astype(np.float32)
    return expanded


def _pad(linear: FloatArray) -> FloatArray:
    """Mirror the surroundings outwards, more and more out of focus, so that the eye does not find the seam."""
    padded = np.pad(linear, ((_PAD, _PAD), (_PAD, _PAD), (0, 0)), mode="reflect")
    soft = np.stack([ndimage.gaussian_filter(padded[..., channel], 7.0) for channel in range(3)], axis=-1)
    height, width = padded.shape[:2]
    down = np.maximum(_PAD - np.arange(height), 0)[:, None]
    across = np.maximum(_PAD - np.minimum(np.arange(width), width - 1 - np.arange(width)), 0)[None, :]
    outside = np.clip(np.maximum(down, across) / 10.0, 0.0, 1.0)[..., None]
    blended: FloatArray = (padded * (1.0 - outside) + soft * outside).astype(np.float32)
    return blended


def _add_practicals(light: FloatArray, state: MotionState) -> None:
    """Bulbs out of focus: discs with a brighter rim and a glow around them, fixed to the wall; in place."""
    height, width = light.shape[:2]
    roll = np.deg2rad(state.camera_roll_degrees)
    for wall_x, wall_y, size, level in _PRACTICALS:
        away_x, away_y = (wall_x - state.centre_x) * state.scale, (wall_y - state.centre_y) * state.scale
        x = np.cos(roll) * away_x - np.sin(roll) * away_y + (width - 1) / 2
        y = np.sin(roll) * away_x + np.cos(roll) * away_y + (height - 1) / 2
        radius = size * state.scale
        reach = int(9 * radius) + 1
        left, right = max(0, int(x) - reach), min(width, int(x) + reach)
        top, bottom = max(0, int(y) - reach), min(height, int(y) + reach)
        if left >= right or top >= bottom:
            continue
        rows, columns = np.mgrid[top:bottom, left:right]
        away = np.hypot(columns - x, rows - y) / radius
        edge = max(0.12, 1.0 / radius)
        disc = np.clip((1.0 - away) / edge + 0.5, 0.0, 1.0) * (0.75 + 0.25 * np.clip(away, 0, 1) ** 4)
        glow = 0.02 * np.exp(-0.55 * away) * np.clip((9.0 - away) / 4.0, 0.0, 1.0)
        tint = np.array([1.0, 0.62, 0.30], dtype=np.float32)
        light[top:bottom, left:right] += (level * (disc + glow)).astype(np.float32)[..., None] * tint


def _enlarge(channel: FloatArray, factor: int) -> FloatArray:
    """Lanczos-3 in linear light, by Pillow's float mode, kept between the neighbours so that nothing rings."""
    if factor == 1:
        return channel
    from PIL import Image

    size = (channel.shape[1] * factor, channel.shape[0] * factor)
    large = np.asarray(Image.fromarray(channel).resize(size, Image.Resampling.LANCZOS), dtype=np.float32)
    low = cv2.resize(ndimage.minimum_filter(channel, 3), size, interpolation=cv2.INTER_LINEAR)
    high = cv2.resize(ndimage.maximum_filter(channel, 3), size, interpolation=cv2.INTER_LINEAR)
    kept: FloatArray = np.clip(large, low * 0.97, high * 1.03)
    return kept


def _add_detail(rgb: FloatArray, *, factor: int, face: FloatArray, seed: int) -> None:
    """Sharpen in log light, and give skin the pores that 512 pixels cannot hold; in place."""
    if factor == 1:
        return
    luma = np.log2(np.maximum(rgb @ np.array([0.2126, 0.7152, 0.0722], dtype=np.float32), 1e-4) + 0.01)
    fine = luma - ndimage.gaussian_filter(luma, 0.55 * factor)
    broad = luma - ndimage.gaussian_filter(luma, 1.6 * factor)
    random = np.random.Generator(np.random.PCG64((seed, 7)))
    noise = random.standard_normal(luma.shape, dtype=np.float32)
    pores = ndimage.gaussian_filter(noise, 0.28 * factor) - ndimage.gaussian_filter(noise, 0.75 * factor)
    pores *= np.float32(0.055) / np.float32(pores.std())
    mottle = ndimage.gaussian_filter(noise, 1.3 * factor)
    mottle *= np.float32(0.016) / np.float32(mottle.std())
    # Above white the enlargement's steps are steep already: sharpening would ring around every light.
    calm = 1.0 - np.clip((ndimage.maximum_filter(luma, 2 * factor + 1) + 0.3) / 0.9, 0.0, 1.0)
    change = calm * np.clip(0.9 * fine + 0.35 * broad, -0.6, 0.6) + face * (pores + mottle)
    rgb *= np.exp2(change)[..., None].astype(np.float32)


def _skin_shine(rgb: FloatArray, *, factor: int) -> FloatArray:
    """How a specular breaks up over the surface: more on what is brighter than its surroundings, none on hair."""
    luma = rgb @ np.array([0.2126, 0.7152, 0.0722], dtype=np.float32)
    near = ndimage.gaussian_filter(luma, 3.0 * factor)
    ratio = luma / np.maximum(near, 1e-4)
    bright = np.clip((luma - 0.16) / 0.22, 0.0, 1.0)
    shine: FloatArray = (np.clip(ratio, 0.0, 1.6) ** 2 * bright).astype(np.float32)
    return shine


def _truth(motion: ShotMotion) -> dict[str, Any]:
    """Where the portrait's landmarks are in every frame, by the motion that made them (at the shutter's centre)."""
    points = portrait_landmarks()
    rows = []
    for index in range(motion.frames):
        state = motion.at(float(index))
        placed = portrait_to_plate(state, points, width=motion.width, height=motion.height)
        rows.append(
            {
                "frame": _FIRST_FRAME + index,
                "roll_degrees": round(state.head_roll_degrees + state.camera_roll_degrees, 4),
                "exposure_stops": round(state.exposure_stops, 4),
                "key_azimuth_degrees": round(state.key_azimuth_degrees, 3),
                "motion_blurred": index == motion.blurred,
                "face_height_pixels": round(float(np.linalg.norm(placed[10] - placed[152])), 3),
                "points": [[round(float(x), 2), round(float(y), 2)] for x, y in placed],
            }
        )
    return {
        "schema": "vfx_swap/demo_truth.1",
        "convention": "plate pixels, x right, y down, centres at integers; roll is added to the portrait's own",
        "portrait_sha256": COLLINS.sha256,
        "width": motion.width,
        "height": motion.height,
        "frames": rows,
    }


def _write_exr(path: Path, rgb: FloatArray, *, number: int) -> None:
    """Half float RGB, ZIP, with its colour said twice: by interop id and by chromaticities.

    Raises:
        OutputError: the file cannot be written.
    """
    height, width = rgb.shape[:2]
    spec = oiio.ImageSpec(width, height, 3, oiio.HALF)
    spec.attribute("compression", "zip")
    spec.attribute("colorInteropID", "lin_ap1_scene")
    spec.attribute("chromaticities", "float[8]", _AP1_CHROMATICITIES)
    spec.attribute("Software", "vfx-swap demo")
    spec.attribute("framesPerSecond", "rational", (24, 1))
    spec.attribute("ImageDescription", f"{COLLINS.statement}; re-lit and re-framed, frame {number}")
    half = np.clip(rgb, -65504.0, 65504.0).astype(np.float16)
    with atomic_write(path) as temporary:
        output = oiio.ImageOutput.create(os.fspath(temporary))
        if output is None:
            raise OutputError(f"cannot be created: {oiio.geterror()}", where=path)
        if not (output.open(os.fspath(temporary), spec) and output.write_image(half) and output.close()):
            raise OutputError(f"cannot be written: {output.geterror()}", where=path)
