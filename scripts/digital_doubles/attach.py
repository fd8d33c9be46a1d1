"""Makes landmarks.npz: where MediaPipe's 468 points sit on the refined skin that all people share.

PYTHONPATH=. .venv/bin/python -m scripts.digital_doubles.attach --venv .venv-doubles [--out FILE] [--keep FOLDER]

Several people are drawn from the front with eyes wide and lips parted, so that lids and lips are told from each other;
the project's own landmarker finds the points; each is cast onto the skin; of all people's places on the base mesh the
one nearest to their median counts.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from scripts.digital_doubles.anatomy import Anatomy, assets_folder
from scripts.digital_doubles.blender import run_blender
from scripts.digital_doubles.cast import CAST
from scripts.digital_doubles.figure import Region
from scripts.digital_doubles.finish import beauty
from scripts.digital_doubles.mesh import FloatArray
from scripts.digital_doubles.pictures import read_channels, srgb, write_png
from scripts.digital_doubles.shots import SOFT, Options, _actor, _stage, both, looking
from scripts.digital_doubles.stage import Moment, Stage
from scripts.digital_doubles.truth import ATTACHED, project

__all__ = ["LOST", "main", "on_the_lips"]

LOST = {95: (78, 88), 324: (308, 318), 191: (78, 80), 415: (308, 310)}
"""Points of the lips' inner edge by the corners, which fall into the mouth's cavity; each lies between two others."""
NEAR = 0.006
"""Metres within which the skin under such a point is looked for."""


def _portrait(region: Region, name: str) -> Stage:
    weights = {"jawOpen": 0.12} | both("eyeWide", 0.5) | both("mouthUpperUp", 0.15) | both("mouthLowerDown", 0.15)
    moment = Moment(weights=weights, motion=np.zeros(6))
    actor = _actor(region, name, None, lambda _time: moment)
    return _stage(
        Options(samples=8), (720, 720), seed=7, actors=[actor], lights=lambda _time: SOFT,
        view=lambda _time: looking(eye=(0.0, -0.02, 2.0), target=(0.0, -0.02, 0.0), field=8.6),
    )  # fmt: skip


def cast_points(
    *, points: FloatArray, seen: FloatArray, quads: NDArray[np.int64]
) -> tuple[NDArray[np.int64], FloatArray]:
    """For (468, 2) pixels, the triangle of the nearest front-facing skin: corners (468, 3) and weights (468, 3).

    `seen` (n, 3) are skin vertices as pixels and distance, `quads` those that may hold points. One beside them takes
    the nearest.
    """
    triangles = np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]])
    a, b, c = (seen[triangles[:, k]] for k in range(3))
    area = (b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (b[:, 1] - a[:, 1]) * (c[:, 0] - a[:, 0])
    front = area < -1e-9  # y is down: counter-clockwise from outside is negative
    triangles, area = triangles[front], area[front]
    a, b, c = (seen[triangles[:, k]] for k in range(3))
    corners = np.zeros((len(points), 3), np.int64)
    weights = np.zeros((len(points), 3))
    for k, (x, y) in enumerate(points):
        wb = ((x - a[:, 0]) * (c[:, 1] - a[:, 1]) - (y - a[:, 1]) * (c[:, 0] - a[:, 0])) / area
        wc = ((b[:, 0] - a[:, 0]) * (y - a[:, 1]) - (b[:, 1] - a[:, 1]) * (x - a[:, 0])) / area
        bary = np.stack([1 - wb - wc, wb, wc], 1)
        inside = np.clip(bary, 0.0, None)
        inside /= inside.sum(1, keepdims=True)
        place = inside[:, :1] * a + inside[:, 1:2] * b + inside[:, 2:] * c
        away = np.hypot(place[:, 0] - x, place[:, 1] - y)
        depth = place[:, 2]
        close = away < away.min() + 0.05
        best = int(np.flatnonzero(close)[np.argmin(depth[close])])
        corners[k], weights[k] = triangles[best], inside[best]
    return corners, weights


def on_the_lips(
    corners: NDArray[np.int64], weights: FloatArray, *, region: Region
) -> tuple[NDArray[np.int64], FloatArray]:
    """The attachments with the points of `LOST` on the skin of the lips, half way between their neighbours.

    Args:
        corners: (468, 3) vertices of `Region.skin`.
        weights: (468, 3), sum 1.
        region: the base mesh.
    """
    rest = region.skin(region.anatomy.vertices)
    inside = region.skin(region.inside[:, None])[:, 0]
    lips = region.skin(region.anatomy.mask("lips")[:, None])[:, 0]
    quads = region.skin.quads
    quads = quads[(inside[quads] < 0.05).all(1) & (lips[quads] > 0.5).all(1)]
    triangles = np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]])
    middles = rest[triangles].mean(1)
    corners, weights = corners.copy(), weights.copy()
    for point, (one, other) in LOST.items():
        wanted = 0.5 * sum(weights[k] @ rest[corners[k]] for k in (one, other))
        least = np.inf
        for triangle in triangles[np.linalg.norm(middles - wanted, axis=1) < NEAR]:
            a, b, c = rest[triangle]
            along = np.linalg.lstsq(np.stack([b - a, c - a], 1), wanted - a, rcond=None)[0]
            share = np.clip([1.0 - along.sum(), *along], 0.0, None)
            share /= share.sum()
            away = float(np.linalg.norm(share @ rest[triangle] - wanted))
            if away < least:
                least, corners[point], weights[point] = away, triangle, share
    return corners, weights


def main() -> None:
    """Draw, find, cast, write."""
    from vfx_swap.models.default import load_face_models
    from vfx_swap.types import ModelImage

    parser = argparse.ArgumentParser(prog="scripts.digital_doubles.attach")
    parser.add_argument("--venv", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=ATTACHED)
    parser.add_argument("--keep", type=Path, default=None, help="keep the pictures here")
    given = parser.parse_args()
    region = Region(Anatomy(assets_folder(given.venv)))
    rest = region.skin(region.anatomy.vertices)
    # no point of a face sits on an ear, where a contour's points would fall from the front
    face = region.skin(region.face[:, None])[:, 0] > 0.04
    quads = region.skin.quads[face[region.skin.quads].all(1)]
    found: list[tuple[NDArray[np.int64], FloatArray]] = []
    with load_face_models() as models, tempfile.TemporaryDirectory(prefix="doubles-") as made:
        for name in CAST:
            folder = (given.keep or Path(made)) / name
            folder.mkdir(parents=True, exist_ok=True)
            stage = _portrait(region, name)
            if not (folder / "front.exr").is_file():
                job = stage.job(folder)
                job.picture(name="front", time=0.0, worn=False)
                job.save(["front"])
                run_blender(venv=given.venv, folder=folder, expected=["front"], seconds_per_picture=300)
            code = srgb(beauty(read_channels(folder / "front.exr")))
            write_png(path=folder / "front.png", pixels=beauty(read_channels(folder / "front.exr")))
            image = ModelImage(code)
            faces = models.detector.detect(image)
            landmarks = models.landmarker.landmarks(image, faces[0]) if len(faces) else None
            if landmarks is None:
                print(f"{name}: no face was found")
                continue
            actor = stage.actors[0]
            moment = actor.act(0.0)
            skin = region.skin(actor.figure.posed(weights=moment.weights, motion=moment.motion))
            seen = project(points=skin, view=stage.view(0.0), width=stage.width, height=stage.height)
            found.append(cast_points(points=landmarks.points[:468, :2].astype(np.float64), seen=seen, quads=quads))
            print(f"{name}: done", flush=True)
    places = np.stack([(rest[corners] * weights[..., None]).sum(1) for corners, weights in found])
    spread = np.linalg.norm(places - np.median(places, 0), axis=2)
    best = spread.argmin(0)
    rows = np.arange(468)
    corners = np.stack([c for c, _ in found])[best, rows]
    weights = np.stack([w for _, w in found])[best, rows]
    print(
        f"people differ by {1000 * np.median(spread):.2f} mm (median), {1000 * np.percentile(spread, 95):.2f} mm (95 %)"
    )
    corners, weights = on_the_lips(corners, weights, region=region)
    np.savez_compressed(given.out, corners=corners.astype(np.int32), weights=weights.astype(np.float32))


if __name__ == "__main__":
    main()
