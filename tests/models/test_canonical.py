from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest

from vfx_swap.errors import ModelMismatchError
from vfx_swap.models.cards import card_folder, read_card
from vfx_swap.models.facemesh.canonical import CanonicalMesh, mesh_from_message, read_canonical_mesh
from vfx_swap.models.facemesh.mirror import mirrored_expressions, mirrored_landmarks
from vfx_swap.models.weights import verified_files


@pytest.fixture(scope="module")
def mesh() -> CanonicalMesh:
    card = read_card(card_folder() / "mediapipe-facemesh.toml")
    return read_canonical_mesh(verified_files(card, folders=())["bundle"])


def test_the_nose_is_in_front_and_the_forehead_up(mesh: CanonicalMesh) -> None:
    nose, forehead, chin = mesh.vertices[1], mesh.vertices[10], mesh.vertices[152]
    assert int(mesh.vertices[:, 2].argmax()) in {1, 4}
    assert forehead[1] > nose[1] > chin[1]
    assert mesh.uv[10, 1] == pytest.approx(0.893, abs=1e-3)
    assert mesh.uv[152, 1] == pytest.approx(0.0455, abs=1e-3)


def test_uv_lies_in_the_unit_square_and_runs_with_x(mesh: CanonicalMesh) -> None:
    assert 0.0 <= mesh.uv.min() <= mesh.uv.max() <= 1.0
    assert np.corrcoef(mesh.uv[:, 0], mesh.vertices[:, 0])[0, 1] > 0.95


def test_triangles_use_every_vertex_and_face_outwards(mesh: CanonicalMesh) -> None:
    assert set(mesh.triangles.ravel().tolist()) == set(range(468))
    corners = mesh.vertices[mesh.triangles]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    assert (normals[:, 2] > 0).mean() > 0.98


def test_the_mesh_cannot_be_written_to(mesh: CanonicalMesh) -> None:
    with pytest.raises(ValueError, match="read-only"):
        mesh.vertices[0] = 0.0


def test_landmarks_have_partners_on_the_other_side(mesh: CanonicalMesh) -> None:
    partners = mirrored_landmarks(mesh)
    assert np.array_equal(partners[partners], np.arange(478))
    assert partners[[10, 152, 33, 61, 468, 469]].tolist() == [10, 152, 263, 291, 473, 476]


def test_expressions_swap_sides_by_name() -> None:
    names = ["_neutral", "eyeBlinkLeft", "jawOpen", "eyeBlinkRight"]
    assert mirrored_expressions(names).tolist() == [0, 3, 2, 1]


def _message(*, floats: int = 468 * 5, indices: int = 898 * 3, index: int = 7) -> bytes:
    vertex = b"".join(b"\x1d" + struct.pack("<f", 0.25) for _ in range(floats))
    body = vertex + b"".join(b"\x20" + bytes([index]) for _ in range(indices))
    size, length = len(body), b""
    while size > 127:
        length, size = length + bytes([size & 127 | 128]), size >> 7
    return b"\x0a" + length + bytes([size]) + body


def test_a_message_of_single_fields_is_read() -> None:
    assert np.all(mesh_from_message(_message()).uv == [0.25, 0.75])


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        pytest.param(b"", "no mesh field", id="empty"),
        pytest.param(_message(floats=10), "expected 2340 floats", id="few vertices"),
        pytest.param(_message(indices=3), "2694 indices", id="few triangles"),
        pytest.param(_message()[:-1], "ends inside field 1", id="truncated"),
        pytest.param(b"\x0a\xff", "ends inside a number", id="truncated number"),
        pytest.param(b"\x0b", "wire type 3", id="unknown wire type"),
        pytest.param(b"\xff" * 12, "more than 64 bits", id="endless number"),
    ],
)
def test_a_malformed_message_is_refused(message: bytes, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        mesh_from_message(message)


@pytest.mark.parametrize("content", [b"", b"no zip file", b"PK\x05\x06" + bytes(18)])
def test_a_file_without_a_mesh_is_a_mismatch(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "face_landmarker.task"
    path.write_bytes(content)
    with pytest.raises(ModelMismatchError, match="no canonical face mesh"):
        read_canonical_mesh(path)
