"""Light against the truth: digital doubles under known lights, relit and read.

scripts/bench light [--out build/light] [--picture docs/images/lighting.jpg]

One head is drawn under a dozen lights (`scripts/digital_doubles/lit.py`), so that the true answer to "this face, under
that light" is a picture. Three things are measured: what a lamp or an HDRI of the settings does to the picture under
the dome against the picture under that lamp; what taking off an answer's light does, with one picture for the engine's
answer and another for the plate; and where the key light is found. Errors are mean absolute differences of scene-linear
light over the face, as a part of its mean; "nothing" is the picture left as it is.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np

from scripts.digital_doubles.anatomy import Anatomy, assets_folder
from scripts.digital_doubles.figure import Region
from scripts.digital_doubles.lit import LIT, lit_stage, sky
from scripts.digital_doubles.pictures import read_channels
from scripts.digital_doubles.render import Plan, draw
from scripts.digital_doubles.shots import Options
from vfx_swap.arrays import FloatArray
from vfx_swap.colour.display import to_display
from vfx_swap.colour.ocio import LINEAR_REC709, ColourConfig, load_config
from vfx_swap.geometry.raster import rasterise
from vfx_swap.light.key_light import SEEN, key_of
from vfx_swap.light.relight import direction_of, environment_of
from vfx_swap.models.default import FaceModels, load_face_models
from vfx_swap.models.face_light import FaceSurface
from vfx_swap.models.kernels import NUMPY
from vfx_swap.pipeline.engines import face_mesh
from vfx_swap.pipeline.relight import Relight, relit
from vfx_swap.settings import Light, Lighting
from vfx_swap.types import Crop, Face, Warp

__all__ = ["Relit", "main"]

ROOT = Path(__file__).resolve().parent.parent.parent
PEOPLE = {"ben": 0.0, "anna": 22.0}
"""Who, and degrees that the head is turned."""
ADDED = ("added-60", "added+45", "hard+45", "warm-30")
ANSWERS = (
    ("key-60", "key+60"), ("key+30", "key-30"), ("key-60", "dome"), ("dome", "key+30"), ("high", "key-30"),
    ("sky", "key+30"), ("hard+45", "key-60"), ("added-60", "added+45"),
)  # fmt: skip
"""Light of the engine's answer, light of the plate."""
SHOWN = ((-60.0, "left"), (0.0, "front"), (60.0, "right"))
DOME = np.pi * LIT["dome"].dome
"""Irradiance under the dome, which a lamp's is stated in."""


@dataclass(frozen=True)
class Relit:
    """One case."""

    name: str
    nothing: float
    """Error of the picture left as it is."""
    error: float
    """Error of the relit one."""

    @property
    def times(self) -> float:
        """How many times lower."""
        return self.nothing / max(self.error, 1e-9)


@dataclass(frozen=True, eq=False)
class _Head:
    """A head under its lights."""

    name: str
    surface: FaceSurface
    pictures: Mapping[str, FloatArray]
    faces: Mapping[str, Face]
    """As the landmarker sees each picture."""

    def crop(self, light: str) -> Crop:
        rgb = self.pictures[light]
        height, width = rgb.shape[:2]
        return Crop(rgb, np.ones((height, width), np.float32), Warp(np.eye(2, 3), width, height), LINEAR_REC709)

    def relit(self, plate: str, answer: str, lighting: Lighting, relight: Relight) -> FloatArray:
        done = relit(
            self.crop(plate), self.crop(answer), self.faces[plate], kernels=NUMPY, lighting=lighting, relight=relight,
            light=None, to_rec709=None,
        )  # fmt: skip
        return np.asarray(done.rgb, np.float32)

    def error(self, got: FloatArray, true: str) -> float:
        """Over the face of the true picture, 4 pixels inside its edge."""
        wanted, mesh = self.pictures[true], self.surface.mesh
        raster = rasterise(self.surface.positions(self.faces[true]), mesh.triangles, height=len(got), width=len(got))
        face = cv2.erode(raster.picture(np.ones(len(raster.rows), np.float32)), np.ones((9, 9))) > 0.5
        return float(np.abs(got[face] - wanted[face]).mean() / wanted[face].mean())


def _draw(name: str, yaw: float, *, folder: Path, samples: int) -> None:
    venv = ROOT / ".venv-doubles"
    region = Region(Anatomy(assets_folder(venv)))
    worlds: dict[tuple[float, bool], list[str]] = {}
    for light, lit in LIT.items():
        worlds.setdefault((lit.dome, lit.sky), []).append(light)
    for lights in worlds.values():
        stage = lit_stage(region=region, name=name, lit=lights, yaw=yaw, options=Options(samples=samples, threads=1))
        frames = [(light, float(index)) for index, light in enumerate(lights)]
        plan = Plan(stage=stage, folder=folder / name, frames=frames, true=False, plate_name="{}.exr", grain=0.0)
        draw(plan=plan, venv=venv, seconds_per_picture=300.0, tell=print)


def _head(name: str, *, folder: Path, surface: FaceSurface, models: FaceModels, config: ColourConfig) -> _Head:
    pictures, faces = {}, {}
    for light in LIT:
        passes = read_channels(folder / name / f"{light}.exr")
        pictures[light] = np.stack([passes[one] for one in "RGB"], axis=2).astype(np.float32)
        image = to_display(pictures[light], config=config, colour_space=LINEAR_REC709)
        seen = models.landmarker.landmarks(image, models.detector.detect(image)[0])
        if seen is None:
            raise SystemExit(f"no face is found in {name} under {light}")
        faces[light] = Face(1, seen.points, seen.expression, seen.pose, confidence=1.0)
    return _Head(name, surface, pictures, faces)


def _settings_cases(head: _Head) -> Iterator[Relit]:
    """The picture under the dome, with a lamp of the settings or under an HDRI."""
    nothing, plain = head.pictures["dome"], Relight(head.surface)
    for light in ADDED:
        lamp = LIT[light].lamps[0]
        made = Light(
            azimuth_degrees=lamp.azimuth_degrees,
            elevation_degrees=lamp.elevation_degrees,
            intensity=lamp.irradiance / DOME,
            colour=lamp.colour,
            softness=float(np.sin(np.radians(lamp.width_degrees / 2.0))),
        )
        got = head.relit("dome", "dome", Lighting(light=(made,)), plain)
        yield Relit(f"{head.name}: lamp {light}", head.error(nothing, light), head.error(got, light))
    around = Relight(head.surface, environment=environment_of(sky().astype(np.float32)))
    got = head.relit("dome", "dome", Lighting(), around)
    yield Relit(f"{head.name}: HDRI", head.error(nothing, "sky"), head.error(got, "sky"))


def _answer_cases(head: _Head) -> Iterator[Relit]:
    """An engine's answer under one light, in a plate under another."""
    for answer, plate in ANSWERS:
        got = head.relit(plate, answer, Lighting(), Relight(head.surface, matches=True))
        nothing = head.error(head.pictures[answer], plate)
        yield Relit(f"{head.name}: answer under {answer}, plate under {plate}", nothing, head.error(got, plate))


def _directions(head: _Head) -> Iterator[tuple[str, float]]:
    """Degrees between the lamp and where the key is found, for every light of one lamp."""
    for light, lit in LIT.items():
        if len(lit.lamps) != 1:
            continue
        face = head.faces[light]
        read = head.surface.read(head.crop(light), face, kernels=NUMPY, to_rec709=None)
        if read is None:
            raise SystemExit(f"no skin is seen in {head.name} under {light}")
        normals = head.surface.normals(head.surface.positions(face))
        true = direction_of(lit.lamps[0].azimuth_degrees, lit.lamps[0].elevation_degrees)
        cosine = float(np.clip(key_of(read, normals[normals[:, 2] > SEEN]).direction @ true, -1.0, 1.0))
        yield f"{head.name}: {light}", float(np.degrees(np.arccos(cosine)))


def _picture(head: _Head, config: ColourConfig) -> FloatArray:
    """The face under the dome, with a lamp moved from left to right by the settings."""
    size = head.pictures["dome"].shape[0]
    panels = [head.pictures["dome"]]
    for azimuth, _ in SHOWN:
        made = Light(azimuth_degrees=azimuth, elevation_degrees=20.0, intensity=2.0, softness=0.14)
        panels.append(head.relit("dome", "dome", Lighting(light=(made,)), Relight(head.surface)))
    mesh = head.surface.mesh
    raster = rasterise(head.surface.positions(head.faces["dome"]), mesh.triangles, height=size, width=size)
    matte = cv2.GaussianBlur(
        cv2.erode(raster.picture(np.ones(len(raster.rows), np.float32)), np.ones((7, 7))), (0, 0), 4.0
    )[..., None]
    laid = [panels[0] + matte * (one - panels[0]) for one in panels]
    shown = [
        to_display(np.asarray(one, np.float32), config=config, colour_space=LINEAR_REC709, exposure=0.4).rgb
        for one in laid
    ]
    return np.asarray(np.concatenate([one[20:, 56:-56] for one in shown], axis=1), np.float32)


def main(given: list[str] | None = None) -> int:
    """Draws what is missing, measures, prints; 0 when the bars are met."""
    parser = argparse.ArgumentParser(prog="scripts/bench light", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("build/light"))
    parser.add_argument("--samples", type=int, default=16, help="a pixel, denoised (16)")
    parser.add_argument("--picture", type=Path, metavar="FILE.jpg", help="a lamp that moves from left to right")
    args = parser.parse_args(given)
    config, surface = load_config(), FaceSurface(face_mesh())
    for name, yaw in PEOPLE.items():
        _draw(name, yaw, folder=args.out, samples=args.samples)
    with load_face_models() as models:
        heads = [_head(name, folder=args.out, surface=surface, models=models, config=config) for name in PEOPLE]
    told: dict[str, list[Relit]] = {"settings": [], "answers": []}
    angles: dict[str, float] = {}
    for head in heads:
        told["settings"] += _settings_cases(head)
        told["answers"] += _answer_cases(head)
        angles |= dict(_directions(head))
    for kind, cases in told.items():
        for one in cases:
            print(f"{one.name:52s} nothing {one.nothing:.3f}  relit {one.error:.3f}  {one.times:.1f} times lower")
        whole = sum(one.nothing for one in cases) / sum(one.error for one in cases)
        print(f"{kind}: {whole:.2f} times lower over all, worst {min(one.times for one in cases):.1f}\n")
    for name, angle in angles.items():
        print(f"{name:24s} {angle:5.1f} degrees")
    within = sum(angle <= 15.0 for angle in angles.values())
    print(f"directions: mean {np.mean([*angles.values()]):.1f}, {within} of {len(angles)} within 15 degrees")
    args.out.mkdir(parents=True, exist_ok=True)
    rows = {kind: [asdict(one) for one in cases] for kind, cases in told.items()}
    (args.out / "light.json").write_text(json.dumps({**rows, "degrees": angles}, indent=1), encoding="utf-8")
    if args.picture is not None:
        picture = np.concatenate([_picture(head, config) for head in heads], axis=0)
        bits = np.ascontiguousarray(np.round(picture[..., ::-1] * 255.0).astype(np.uint8))
        cv2.imwrite(str(args.picture), bits, [cv2.IMWRITE_JPEG_QUALITY, 90])
    return 0


if __name__ == "__main__":
    sys.exit(main())
