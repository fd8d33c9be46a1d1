"""Looking at a picture once: what models find in it is kept by its digest, so that plates cost nothing again."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from vfx_swap.arrays import FloatArray
from vfx_swap.models.default import FaceModels
from vfx_swap.pipeline.qc import SeenFace, see_face
from vfx_swap.types import Detection, Embedding, Landmarks, ModelImage, Pose

__all__ = ["Onlooker"]


@dataclass(frozen=True, eq=False)
class Onlooker:
    """Finds faces as `see_face` does, and remembers."""

    models: FaceModels
    folder: Path

    def look(self, picture: ModelImage, *, near: FloatArray, otherwise: Detection) -> SeenFace:
        """The face of `picture` nearest to `near`; in `otherwise` where the detector finds none."""
        sha = hashlib.sha256(repr(sorted(self.models.digests.items())).encode())
        for array in (picture.rgb, near, otherwise.box, otherwise.points):
            sha.update(repr(array.shape).encode() + np.ascontiguousarray(array).tobytes())
        path = self.folder / f"{sha.hexdigest()}.npz"
        if path.is_file():
            return _read(path)
        seen = see_face(picture, models=self.models, near=near, otherwise=otherwise)
        if seen is None:
            raise AssertionError("a face was given to fall back on")
        self.folder.mkdir(parents=True, exist_ok=True)
        _write(path, seen)
        return seen


def _write(path: Path, seen: SeenFace) -> None:
    arrays: dict[str, np.ndarray] = {
        "box": seen.detection.box,
        "five": seen.detection.points,
        "score": np.asarray(seen.detection.score),
        "vector": seen.embedding.vector,
        "recogniser": np.asarray(seen.embedding.recogniser),
    }
    if seen.landmarks is not None:
        pose = seen.landmarks.pose
        arrays |= {
            "points": seen.landmarks.points,
            "expression": seen.landmarks.expression,
            "pose": np.array([pose.yaw_degrees, pose.pitch_degrees, pose.roll_degrees]),
            "confidence": np.asarray(seen.landmarks.confidence),
        }
    with path.with_suffix(".part").open("wb") as file:
        np.savez(file, allow_pickle=False, **arrays)
    path.with_suffix(".part").replace(path)


def _read(path: Path) -> SeenFace:
    with np.load(path, allow_pickle=False) as kept:
        landmarks = None
        if "points" in kept:
            yaw, pitch, roll = (float(value) for value in kept["pose"])
            landmarks = Landmarks(kept["points"], kept["expression"], Pose(yaw, pitch, roll), float(kept["confidence"]))
        detection = Detection(kept["box"], kept["five"], float(kept["score"]))
        return SeenFace(detection, landmarks, Embedding(str(kept["recogniser"]), kept["vector"]))
