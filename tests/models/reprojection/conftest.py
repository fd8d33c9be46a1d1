"""Atlas, textures and sitters, made once for all tests of this folder."""

from __future__ import annotations

import pytest

from tests.models import faces
from tests.models.faces import Sitter
from vfx_swap.models.default import FaceModels
from vfx_swap.models.facemesh.canonical import CanonicalMesh
from vfx_swap.models.reprojection.atlas import Atlas
from vfx_swap.models.reprojection.texture import atlas_for, build_texture
from vfx_swap.types import SkinTexture


@pytest.fixture(scope="session")
def mesh() -> CanonicalMesh:
    return faces.canonical_mesh()


@pytest.fixture(scope="session")
def atlas(mesh: CanonicalMesh) -> Atlas:
    return atlas_for(mesh, size=256)


@pytest.fixture(scope="session")
def fine_atlas(mesh: CanonicalMesh) -> Atlas:
    return atlas_for(mesh, size=1024)


@pytest.fixture(scope="session")
def collins() -> Sitter:
    return faces.collins()


@pytest.fixture(scope="session")
def hopper(face_models: FaceModels) -> Sitter:
    return faces.hopper(face_models)


@pytest.fixture(scope="session")
def collins_texture(collins: Sitter, mesh: CanonicalMesh) -> SkinTexture:
    return build_texture([collins.reference], mesh=mesh, size=256)


@pytest.fixture(scope="session")
def hopper_texture(hopper: Sitter, mesh: CanonicalMesh) -> SkinTexture:
    return build_texture([hopper.reference], mesh=mesh, size=256)
