"""`vfx-swap light`: the light of a shot's plate as files for hosts, and one frame under the shot's settings."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from vfx_swap.colour.display import auto_exposure_stops, to_display
from vfx_swap.colour.ocio import LINEAR_REC709, ColourConfig
from vfx_swap.colour.transfer import apply_matrix
from vfx_swap.errors import NoFaceError, OutputError, UsageError
from vfx_swap.io.atomic import atomic_write
from vfx_swap.io.paths import FramePattern
from vfx_swap.light.harmonics import HarmonicLight
from vfx_swap.light.key_light import KEY_SOFTNESS
from vfx_swap.models.face_light import FaceSurface
from vfx_swap.pipeline.engines import face_mesh
from vfx_swap.pipeline.face_lights import light_row
from vfx_swap.pipeline.light_track import ALBEDO, LightFrame, key_frames, latlong_of, light_over, white_of
from vfx_swap.pipeline.prepare import output_folder
from vfx_swap.pipeline.progress import Cancelled, Progress, never_cancelled, no_progress
from vfx_swap.pipeline.session import open_session
from vfx_swap.pipeline.shot import Tools, track_plate
from vfx_swap.pipeline.shot_plate import open_shot_plate
from vfx_swap.pipeline.shot_tracks import ModelsOnDemand, cast_shot
from vfx_swap.settings import Shot
from vfx_swap.types import Window

if TYPE_CHECKING:
    from vfx_swap.types import Track

__all__ = ["LATLONG_HEIGHT", "LIGHT_SCHEMA", "ShotLight", "preview_light", "solve_light", "write_light"]

LIGHT_SCHEMA = "vfx_swap/light.1"
LATLONG_HEIGHT = 256
"""Rows of an HDRI: a lamp of a softbox's size is some 30 pixels wide."""
AXES = "azimuth 0: from the camera, positive: the picture's right; elevation: up. HDRI: middle where the camera looks"
PREVIEW_WIDTH = 1920


@dataclass(frozen=True, eq=False)
class ShotLight:
    """The light on one performer over a shot."""

    name: str
    """Of the shot."""
    track: Track
    frames: tuple[LightFrame, ...]
    lights: Mapping[int, HarmonicLight]

    def key_frames(self) -> list[LightFrame]:
        """The frames that say all that the others do."""
        return key_frames(self.frames)

    def at(self, frame: int | None) -> LightFrame:
        """The light in a frame; None: in the middle one.

        Raises:
            UsageError: the performer is not in that frame.
        """
        if frame is None:
            return self.frames[len(self.frames) // 2]
        for one in self.frames:
            if one.frame == frame:
                return one
        first, last = self.frames[0].frame, self.frames[-1].frame
        what = f"no light is known in frame {frame}: track {self.track.id} is lit in {first} to {last}"
        raise UsageError(what, mend="Name one of those frames")


def solve_light(
    shot: Shot,
    *,
    track: int | None = None,
    progress: Progress = no_progress,
    cancelled: Cancelled = never_cancelled,
    tools: Tools = Tools(),
) -> ShotLight:
    """The light on a performer, from the shot's tracks; they are made where they are not there or not current.

    Args:
        shot: the settings.
        track: id of the track; None: the one that is cast first.
        progress: told of every frame.
        cancelled: asked between frames.
        tools: what to work with.

    Raises:
        NoFaceError: no face in the shot, or too little skin to tell any light.
        TracksError: there is no such track.
        UsageError, InputError: plate or tracks are not fit.
        CannotRunError: a model is missing.
        CancelledError: stopped.
    """
    tracks = track_plate(
        shot.plate,
        out=output_folder(shot) / f"{shot.name}.tracks.json",
        frames=shot.frames,
        colour_space=shot.colour_space,
        missing=shot.missing,
        progress=progress,
        cancelled=cancelled,
        tools=tools,
    )
    if track is None:
        with ModelsOnDemand(tools.load_models) as models:
            track = next(iter(cast_shot(shot, tracks, config=tools.load_config(), models=models, progress=progress)))
    face, lights = tracks.track(track), tracks.lights.get(track, {})
    found = light_over(face, lights, surface=FaceSurface(face_mesh()))
    if not found:
        mend = "Delete the tracks file, so that the plate is analysed anew" if tracks.tracks else None
        raise NoFaceError(f"no light is known on track {track}", where=shot.plate, mend=mend)
    return ShotLight(shot.name, face, tuple(found), lights)


def write_light(light: ShotLight, out: Path, *, frame: int | None = None) -> tuple[Path, ...]:
    """Write a light for hosts.

    Args:
        light: of the shot.
        out: `.json`: the key light with its keys, and what was solved; `.exr`: a latlong HDRI, of every frame
            where the name is a pattern.
        frame: which frame's, of one HDRI; None: the middle one.

    Raises:
        UsageError: another kind of file, or a frame without light.
        OutputError: it cannot be written.
    """
    kind = out.suffix.lower()
    if kind == ".json":
        with atomic_write(out) as temporary:
            temporary.write_text(json.dumps(_document(light), indent=1) + "\n", encoding="utf-8")
        return (out,)
    if kind != ".exr":
        raise UsageError(f"light is written to .json or .exr, not {out.suffix or out.name!r}", where=out)
    pattern = FramePattern.parse(str(out))
    if pattern.kind != "sequence":
        _write_exr(out, latlong_of(light.at(frame), height=LATLONG_HEIGHT))
        return (out,)
    written = []
    for one in light.frames:
        written.append(Path(pattern.path(one.frame)))
        _write_exr(written[-1], latlong_of(one, height=LATLONG_HEIGHT))
    return tuple(written)


def _document(light: ShotLight) -> dict[str, Any]:
    keys = light.key_frames()
    return {
        "schema": LIGHT_SCHEMA,
        "name": light.name,
        "track": light.track.id,
        "frames": [light.frames[0].frame, light.frames[-1].frame],
        "axes": AXES,
        "colour_space": LINEAR_REC709,
        "unit": "multiples of the mean light on the face",
        "skin_albedo": ALBEDO,
        "lights": [{"name": "key", "softness": KEY_SOFTNESS, "keys": [_key(one) for one in keys]}],
        "even": [
            {
                "frame": one.frame,
                "intensity": round(one.even, 5),
                "radiance": _rounded((one.even * white_of(one)).tolist()),
            }
            for one in keys
        ],
        "mean_skin": [{"frame": one.frame, "colour": _rounded(one.mean)} for one in keys],
        "harmonics": [{"frame": number, **light_row(one)} for number, one in sorted(light.lights.items())],
    }


def _key(one: LightFrame) -> dict[str, Any]:
    return {
        "frame": one.frame,
        "azimuth_degrees": round(one.azimuth_degrees, 3),
        "elevation_degrees": round(one.elevation_degrees, 3),
        "intensity": round(one.intensity, 5),
        "colour": _rounded(one.colour),
        "irradiance": _rounded((np.pi * one.intensity * np.asarray(one.colour) * white_of(one)).tolist()),
    }


def _rounded(colour: Sequence[float]) -> list[float]:
    return [round(one, 5) for one in colour]


def _write_exr(path: Path, rgb: np.ndarray) -> None:
    import OpenImageIO as oiio

    spec = oiio.ImageSpec(rgb.shape[1], rgb.shape[0], 3, "half")
    spec.attribute("colorInteropID", "lin_rec709_scene")
    spec.attribute("compression", "zip")
    with atomic_write(path) as temporary:
        output: Any = oiio.ImageOutput.create("openexr")
        if not (output.open(str(temporary), spec) and output.write_image(rgb) and output.close()):
            raise OutputError(f"the HDRI cannot be written: {output.geterror()}", where=path)


def preview_light(
    shot: Shot, frame: int, out: Path, *, today: date, device: str = "cpu", tools: Tools = Tools()
) -> Path:
    """One frame under the shot's settings beside the plate, as an 8-bit picture: plate left, swap right.

    With the shot's tracks where there are any, else by a look at this frame alone: in seconds either way.

    Args:
        shot: the settings.
        frame: which.
        out: a PNG or JPEG.
        today: the day that consent is checked for.
        device: where the frame is swapped.
        tools: what to work with.

    Raises:
        RefusedError: consent is missing, expired, or of another scope.
        UsageError, InputError: settings, plate or frame are not fit.
        CannotRunError: a model or device is missing.
        OutputError: the picture cannot be written.
    """
    import cv2

    if out.suffix.lower() not in (".png", ".jpg", ".jpeg"):
        raise UsageError(f"a preview is a .png or .jpg, not {out.suffix or out.name!r}", where=out)
    config = tools.load_config()
    plate = open_shot_plate(
        shot.plate, frames=shot.frames, missing=shot.missing, colour_space=shot.colour_space, config=config,
        wanted=[frame],
    )  # fmt: skip
    known = output_folder(shot) / f"{shot.name}.tracks.json"
    tracks = known if known.is_file() else None
    session = open_session(
        shot, tracks=tracks, colour_space=plate.colour_space, device=device, today=today, tools=tools
    )
    with plate.plate:
        picture = plate.plate.read(frame)
        done = session.swap(frame, picture) or session.swap(frame, picture)
        before = plate.read(frame)
    if done is None:
        raise NoFaceError(f"nothing to show in frame {frame}", where=shot.plate)
    after = before.rgb.copy()
    window = done[1].frame.data_window
    after[window.slices(before.data_window)] = done[1].frame.rgb
    pair = _shown(
        before.rgb, after, config=config, colour_space=before.colour_space, around=_seen(done[1].matte, window)
    )
    _, coded = cv2.imencode(out.suffix, np.ascontiguousarray(pair[..., ::-1]))
    with atomic_write(out) as temporary:
        temporary.write_bytes(coded.tobytes())
    return out


def _seen(matte: np.ndarray, window: Window) -> tuple[float, float]:
    rows, columns = np.nonzero(matte > 0.0)
    if not rows.size:
        return window.x + window.width / 2, window.y + window.height / 2
    return float(columns.mean()) + window.x, float(rows.mean()) + window.y


def _shown(
    plate: np.ndarray, swap: np.ndarray, *, config: ColourConfig, colour_space: str, around: tuple[float, float]
) -> np.ndarray:
    """(h, w, 3) uint8: both side by side with the plate's exposure, cut to fit, the face in the middle of each."""
    from vfx_swap.pipeline.before_after import half_columns

    matrix = config.matrix(source=colour_space, destination=LINEAR_REC709)
    sparse = np.nan_to_num(plate[::4, ::4], nan=0.0, posinf=0.0, neginf=0.0)
    stops = auto_exposure_stops(apply_matrix(sparse, matrix))
    columns = half_columns(plate.shape[1], centre_x=around[0], width=PREVIEW_WIDTH)
    halves = [
        to_display(one[:, columns], config=config, colour_space=colour_space, exposure=stops, shoulder=True).rgb
        for one in (plate, swap)
    ]
    pair: np.ndarray = np.round(np.concatenate(halves, axis=1) * 255.0).astype(np.uint8)
    return pair
