"""The two portraits as references, plate faces and frames, scene-linear."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vfx_swap.arrays import FloatArray, frozen
from vfx_swap.colour.ocio import LINEAR_REC709
from vfx_swap.colour.transfer import srgb_eotf
from vfx_swap.models.cards import Card
from vfx_swap.models.default import FaceModels
from vfx_swap.models.facemesh.canonical import CanonicalMesh, read_canonical_mesh
from vfx_swap.models.registry import load_registry
from vfx_swap.models.weights import model_folders, verified_files
from vfx_swap.pipeline.demo_portraits import COLLINS, HOPPER, Portrait, portrait_landmarks, read_portrait
from vfx_swap.types import Face, Frame, Identity, ModelImage, Pose, Reference, SkinTexture, Window

__all__ = ["Sitter", "canonical_mesh", "collins", "frame_of", "hopper", "identity_of"]

_MESH_CARD = "mediapipe-facemesh"


def canonical_mesh() -> CanonicalMesh:
    card: Card = load_registry().card(_MESH_CARD)
    return read_canonical_mesh(verified_files(card, folders=model_folders())[card.file[0].role])


@dataclass(frozen=True, eq=False)
class Sitter:
    """A portrait."""

    rgb: FloatArray
    """(height, width, 3) scene-linear Rec.709."""
    points: FloatArray
    """(478, 3) pixels of it."""
    pose: Pose

    @property
    def reference(self) -> Reference:
        return Reference(self.rgb, self.points, np.zeros(52, np.float32), self.pose, "portrait.png", "0" * 64)

    def face(self, *, shift: tuple[float, float] = (0.0, 0.0), scale: float = 1.0, frame: int = 1) -> Face:
        points = self.points * np.float32(scale) + np.array([*shift, 0.0], np.float32)
        return Face(frame, points, np.zeros(52, np.float32), self.pose, confidence=1.0)


def _linear(portrait: Portrait) -> FloatArray:
    return frozen(np.asarray(srgb_eotf(read_portrait(portrait)), np.float32))


def collins() -> Sitter:
    """A face 118 pixels high, lit from the front; fringe and hair over the forehead."""
    return Sitter(_linear(COLLINS), portrait_landmarks(), Pose(0.0, 0.0, 0.0))


def hopper(models: FaceModels) -> Sitter:
    """A face 218 pixels high with spectacles and a hat."""
    image = ModelImage(read_portrait(HOPPER))
    found = models.landmarker.landmarks(image, models.detector.detect(image)[0])
    assert found is not None
    return Sitter(_linear(HOPPER), frozen(found.points), found.pose)


def identity_of(sitter: Sitter, texture: SkinTexture) -> Identity:
    return Identity("somebody", (sitter.reference,), texture, {}, None, "")


def frame_of(rgb: FloatArray, *, number: int = 1, x: int = 0, y: int = 0) -> Frame:
    window = Window(x, y, rgb.shape[1], rgb.shape[0])
    return Frame(number, np.ascontiguousarray(rgb, np.float32), window, window, LINEAR_REC709)
