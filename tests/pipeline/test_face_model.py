"""An identity's face model: shape, files in three formats, and what is refused."""

from __future__ import annotations

import json
import struct
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from vfx_swap.cli.app import app
from vfx_swap.errors import ConsentExpiredError, ConsentMissingError, IdentityError, OutputError, UsageError
from vfx_swap.models.facemesh.canonical import CanonicalMesh
from vfx_swap.models.facemesh.expressions import LIDS, expression_shapes
from vfx_swap.models.facemesh.face_model import build_face_model, neutral_face
from vfx_swap.pipeline.consent import public_domain_consent
from vfx_swap.pipeline.engines import face_mesh
from vfx_swap.pipeline.face_model import face_texture, write_face_model
from vfx_swap.pipeline.identity import save_identity
from vfx_swap.types import Identity, Pose, Reference, SkinTexture

TODAY = date(2026, 6, 1)


@pytest.fixture(scope="module")
def mesh() -> CanonicalMesh:
    return face_mesh()


def _reference(mesh: CanonicalMesh, *, jaw: float, yaw: float = 0.0) -> Reference:
    shapes = expression_shapes()
    weights = np.zeros(52, np.float32)
    weights[1 + shapes.names.index("jawOpen")] = jaw
    person = mesh.vertices * np.array([1.1, 1.0, 1.0], np.float32)
    face = person + jaw * shapes.deltas[shapes.names.index("jawOpen")]
    angle = np.radians(yaw)
    turn = np.array([[np.cos(angle), 0, np.sin(angle)], [0, 1, 0], [-np.sin(angle), 0, np.cos(angle)]])
    points = np.concatenate([8.0 * face @ turn.T * [1, -1, -1] + [100, 110, 0], np.full((10, 3), 60.0)])
    points[469:473, 0] += (4, 0, -4, 0)
    points[469:473, 1] += (0, 4, 0, -4)
    rgb = np.full((220, 200, 3), 0.2, np.float32)
    return Reference(rgb, points.astype(np.float32), weights, Pose(yaw, 0, 0), "a.png", "0" * 64)


@pytest.fixture(scope="module")
def identity(mesh: CanonicalMesh) -> Identity:
    texture = SkinTexture(
        np.ones((64, 64, 3), np.float32), np.ones((64, 64), np.float32), np.array([0.4, 0.28, 0.22], np.float32)
    )
    return Identity(
        name="lead",
        references=(_reference(mesh, jaw=0.6), _reference(mesh, jaw=0.0, yaw=25.0)),
        texture=texture,
        embeddings={},
        consent=public_domain_consent(performer="Nobody", statement="drawn for a test"),
        sha256="",
    )


def test_the_neutral_face_is_the_persons_without_the_open_jaw(identity: Identity, mesh: CanonicalMesh) -> None:
    neutral = neutral_face(identity.references, mesh=mesh, shapes=expression_shapes())
    person = mesh.vertices * np.array([1.1, 1.0, 1.0], np.float32)
    wide = np.ptp(neutral[:, 0]) / np.ptp(neutral[:, 1])
    assert wide == pytest.approx(np.ptp(person[:, 0]) / np.ptp(person[:, 1]), rel=0.01)
    assert abs(neutral[13, 1] - neutral[14, 1]) < 0.65  # 0.55 in the mean face, 2 and more with the jaw open


def test_a_model_has_metres_landmarks_first_and_lids_that_close(identity: Identity, mesh: CanonicalMesh) -> None:
    for levels in (0, 1):
        model = build_face_model(identity.references, mesh=mesh, levels=levels)
        assert len(model.names) == len(model.deltas) == 52
        assert 0.14 < np.ptp(model.vertices[:, 1]) < 0.20
        assert model.triangles.max() < len(model.vertices)
        assert np.isfinite(model.deltas).all()
        tongue = np.linalg.norm(model.deltas[model.names.index("tongueOut")], axis=1)
        assert tongue.max() > 0.01
        assert tongue[:468].max() == 0.0
        blink = model.vertices + model.deltas[model.names.index("eyeBlinkLeft")]
        upper, lower = LIDS["Left"][3]
        assert np.linalg.norm(blink[upper] - blink[lower]) < 0.25 * np.linalg.norm(
            model.vertices[upper] - model.vertices[lower]
        )
        look = np.linalg.norm(model.deltas[model.names.index("eyeLookUpLeft")], axis=1)
        assert model.vertices[look.argmax(), 0] > 0


def test_a_texture_has_no_holes_and_shows_skin(identity: Identity) -> None:
    holes = replace(identity.texture, rgb=identity.texture.rgb.copy())
    holes.rgb[20:30, 20:30] = 0.0
    picture = face_texture(replace(identity, texture=holes))
    np.testing.assert_allclose(picture[25, 25], picture[40, 40])
    assert picture[40, 40, 0] == pytest.approx(0.665, abs=0.01)  # sRGB of 0.4
    assert 0.0 <= picture.min() <= picture.max() <= 1.0


def _glb(path: Path) -> tuple[dict[str, Any], bytes]:
    content = path.read_bytes()
    mark, version, length = struct.unpack_from("<4sII", content)
    assert (mark, version, length) == (b"glTF", 2, len(content))
    size, kind = struct.unpack_from("<I4s", content, 12)
    assert kind == b"JSON"
    assert size % 4 == 0
    block, binary = struct.unpack_from("<I4s", content, 20 + size)
    assert binary == b"BIN\0"
    assert 28 + size + block == len(content)
    return json.loads(content[20 : 20 + size]), content[28 + size :]


def test_glb(identity: Identity, mesh: CanonicalMesh, tmp_path: Path) -> None:
    out = tmp_path / "face.glb"
    assert write_face_model(identity, out, mesh=mesh, today=TODAY) == (out,)
    document, block = _glb(out)
    (one,) = document["meshes"]
    (primitive,) = one["primitives"]
    assert one["extras"]["targetNames"] == list(expression_shapes().names)
    assert len(primitive["targets"]) == len(one["weights"]) == 52
    for accessor in document["accessors"]:
        view = document["bufferViews"][accessor["bufferView"]]
        width = {"SCALAR": 1, "VEC2": 2, "VEC3": 3}[accessor["type"]]
        assert view["byteOffset"] % 4 == 0
        assert view["byteOffset"] + view["byteLength"] <= len(block)
        values = np.frombuffer(block, "<u4" if width == 1 else "<f4", accessor["count"] * width, view["byteOffset"])
        if "min" in accessor:
            np.testing.assert_array_equal(values.reshape(-1, 3).min(0), np.array(accessor["min"], np.float32))
    view = document["bufferViews"][document["images"][0]["bufferView"]]
    png = np.frombuffer(block, np.uint8, view["byteLength"], view["byteOffset"])
    picture = cv2.imdecode(png, cv2.IMREAD_COLOR)
    assert picture is not None
    assert picture.shape == (64, 64, 3)


def test_obj_and_usda(identity: Identity, mesh: CanonicalMesh, tmp_path: Path) -> None:
    files = write_face_model(identity, tmp_path / "face.obj", mesh=mesh, today=TODAY, levels=0)
    assert len(files) == 55
    lines = files[-1].read_text().splitlines()
    neutral = np.array([line.split()[1:] for line in lines if line.startswith("v ")], float)
    opened = [line for line in (tmp_path / "face_shapes/jawOpen.obj").read_text().splitlines() if line[:2] == "v "]
    assert neutral[152, 1] - float(opened[152].split()[2]) > 0.01
    assert "mtllib face.mtl" in lines
    assert "map_Kd face.png" in (tmp_path / "face.mtl").read_text()
    out = tmp_path / "other.usda"
    write_face_model(identity, out, mesh=mesh, today=TODAY, levels=0)
    text = out.read_text()
    assert text.startswith("#usda 1.0")
    assert text.count("def BlendShape") == 52
    assert "@./other.png@" in text
    assert text.count("{") == text.count("}")


def test_what_is_refused(identity: Identity, mesh: CanonicalMesh, tmp_path: Path) -> None:
    out = tmp_path / "face.glb"
    with pytest.raises(UsageError, match=r"\.fbx"):
        write_face_model(identity, tmp_path / "face.fbx", mesh=mesh, today=TODAY)
    with pytest.raises(ConsentMissingError):
        write_face_model(replace(identity, consent=None), out, mesh=mesh, today=TODAY)
    with pytest.raises(ConsentExpiredError):
        write_face_model(identity, out, mesh=mesh, today=date(2199, 1, 1))
    bare = replace(identity, texture=replace(identity.texture, weight=np.zeros((64, 64), np.float32)))
    with pytest.raises(IdentityError, match="no skin texture"):
        write_face_model(bare, out, mesh=mesh, today=TODAY)
    (tmp_path / "file").write_text("x")
    with pytest.raises(OutputError):
        write_face_model(identity, tmp_path / "file" / "face.glb", mesh=mesh, today=TODAY)
    assert not out.exists()
    out.write_text("mine")
    with pytest.raises(UsageError, match="exists already"):
        write_face_model(identity, out, mesh=mesh, today=TODAY)
    assert out.read_text() == "mine"
    write_face_model(identity, out, mesh=mesh, today=TODAY, overwrite=True)
    assert out.read_bytes()[:4] == b"glTF"


def test_the_command_and_its_exit_codes(identity: Identity, tmp_path: Path) -> None:
    pack, bare = tmp_path / "a.identity", tmp_path / "b.identity"
    save_identity(identity, pack)
    save_identity(replace(identity, consent=None), bare)

    def run(*words: object) -> int:
        return CliRunner().invoke(app, ["identity", "mesh", *map(str, words), "--json"]).exit_code

    out = tmp_path / "face.glb"
    assert run(pack, "--out", out) == 0
    assert out.is_file()
    assert run(pack, "--out", out) == 2
    assert run(pack, "--out", out, "--overwrite") == 0
    assert run(pack, "--out", tmp_path / "face.stl") == 2
    assert run(tmp_path / "none.identity", "--out", tmp_path / "x.glb") == 2
    assert run(bare, "--out", tmp_path / "x.glb") == 3
    assert run(pack, "--out", pack / "x.glb") == 1
