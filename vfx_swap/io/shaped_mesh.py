"""A textured mesh with named shapes, written as OBJ, binary glTF 2.0 or USD text.

All three hold the same mesh: metres, y up, right-handed, counter-clockwise triangles, one texture, one material.
glTF counts v down, OBJ and USD up. Written without a library: OBJ and USD are text, and a GLB is JSON and one block of
little-endian arrays (Khronos, glTF 2.0 specification, 2021, chapters 3.6, 3.7.2.2 and 4.4).
"""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vfx_swap.arrays import FloatArray
from vfx_swap.errors import UsageError
from vfx_swap.io.atomic import atomic_write

__all__ = ["MESH_SUFFIXES", "ShapedMesh", "mesh_files", "write_mesh"]

MESH_SUFFIXES = (".obj", ".glb", ".usda")
ROUGHNESS = 0.55
_FLOAT, _UINT = 5126, 5125
_ARRAY, _ELEMENTS = 34962, 34963
_ONE = "( (1, 0, 0, 0), (0, 1, 0, 0), (0, 0, 1, 0), (0, 0, 0, 1) )"


@dataclass(frozen=True, eq=False)
class ShapedMesh:
    """What is written."""

    name: str
    """Letters, digits, hyphens and underscores."""
    vertices: FloatArray
    """(n, 3) metres."""
    normals: FloatArray
    """(n, 3) unit."""
    uv: FloatArray
    """(n, 2), v up."""
    triangles: NDArray[np.int32]
    """(m, 3)."""
    names: tuple[str, ...]
    """Of the shapes."""
    deltas: FloatArray
    """(len(names), n, 3) metres."""
    texture_png: bytes
    """sRGB."""


def mesh_files(path: Path, mesh_names: tuple[str, ...]) -> tuple[Path, ...]:
    """Every file that writing a mesh to `path` makes, `path` last.

    Raises:
        UsageError: the suffix is none that is written.
    """
    suffix = path.suffix.lower()
    if suffix not in MESH_SUFFIXES:
        what = f"meshes ending in {path.suffix or 'nothing'!r} are not written"
        raise UsageError(what, where=path, mend=f"Use one of {', '.join(MESH_SUFFIXES)}")
    if suffix == ".glb":
        return (path,)
    beside = [path.with_suffix(".png")]
    if suffix == ".obj":
        beside.append(path.with_suffix(".mtl"))
        beside += [path.with_name(f"{path.stem}_shapes") / f"{name}.obj" for name in mesh_names]
    return (*beside, path)


def write_mesh(mesh: ShapedMesh, path: Path) -> tuple[Path, ...]:
    """Write a mesh in the format of the file's suffix, each file whole or not at all.

    OBJ knows no shapes: each is an OBJ of its own in the folder `<stem>_shapes`, of the same vertex order.

    Returns:
        The files written, `path` last.

    Raises:
        UsageError: the suffix is none that is written.
        OutputError: a file cannot be written.
    """
    paths = mesh_files(path, mesh.names)
    suffix = path.suffix.lower()
    if suffix == ".glb":
        contents = [_glb(mesh)]
    elif suffix == ".usda":
        contents = [mesh.texture_png, _usda(mesh, texture=paths[0].name).encode()]
    else:
        library = f"newmtl face\nKa 0 0 0\nKd 1 1 1\nKs 0.04 0.04 0.04\nNs 20\nillum 2\nmap_Kd {paths[0].name}\n"
        rest = _obj_rest(mesh)
        head = f"o {mesh.name}\n"
        shapes = [
            f"mtllib ../{paths[1].name}\n{head}{_rows('v', mesh.vertices + delta)}{rest}" for delta in mesh.deltas
        ]
        plain = f"mtllib {paths[1].name}\n{head}{_rows('v', mesh.vertices)}{rest}"
        contents = [mesh.texture_png, library.encode(), *(text.encode() for text in (*shapes, plain))]
    for file, content in zip(paths, contents, strict=True):
        with atomic_write(file) as temporary:
            temporary.write_bytes(content)
    return paths


def _rows(head: str, values: np.ndarray) -> str:
    return "".join(f"{head} {' '.join(f'{value:.6g}' for value in row)}\n" for row in values.tolist())


def _obj_rest(mesh: ShapedMesh) -> str:
    """What all shapes share: UV, normals, faces."""
    faces = "".join("f " + " ".join(f"{i}/{i}/{i}" for i in row) + "\n" for row in (mesh.triangles + 1).tolist())
    return f"{_rows('vt', mesh.uv)}{_rows('vn', mesh.normals)}usemtl face\ns 1\n{faces}"


class _Block:
    """The binary part of a GLB and the views into it."""

    def __init__(self) -> None:
        self.content = bytearray()
        self.views: list[dict[str, Any]] = []
        self.accessors: list[dict[str, Any]] = []

    def view(self, content: bytes, *, target: int | None = None) -> int:
        self.views.append({"buffer": 0, "byteOffset": len(self.content), "byteLength": len(content)})
        if target is not None:
            self.views[-1]["target"] = target
        self.content += content + b"\0" * (-len(content) % 4)
        return len(self.views) - 1

    def add(self, array: np.ndarray, kind: str, *, bounds: bool = False) -> int:
        indices = kind == "SCALAR"
        typed = np.ascontiguousarray(array, "<u4" if indices else "<f4")
        view = self.view(typed.tobytes(), target=_ELEMENTS if indices else _ARRAY)
        entry = {"bufferView": view, "componentType": _UINT if indices else _FLOAT, "count": len(array), "type": kind}
        if bounds:
            entry |= {"min": typed.min(axis=0).tolist(), "max": typed.max(axis=0).tolist()}
        self.accessors.append(entry)
        return len(self.accessors) - 1


def _glb(mesh: ShapedMesh) -> bytes:
    block = _Block()
    attributes = {
        "POSITION": block.add(mesh.vertices, "VEC3", bounds=True),
        "NORMAL": block.add(mesh.normals, "VEC3"),
        "TEXCOORD_0": block.add(np.stack([mesh.uv[:, 0], 1.0 - mesh.uv[:, 1]], axis=1), "VEC2"),
    }
    primitive = {
        "attributes": attributes,
        "indices": block.add(mesh.triangles.reshape(-1), "SCALAR"),
        "material": 0,
        "targets": [{"POSITION": block.add(delta, "VEC3", bounds=True)} for delta in mesh.deltas],
    }
    weights = [0.0] * len(mesh.names)
    material = {
        "name": "face",
        "pbrMetallicRoughness": {
            "baseColorTexture": {"index": 0},
            "metallicFactor": 0.0,
            "roughnessFactor": ROUGHNESS,
        },
    }
    image = block.view(mesh.texture_png)
    document = {
        "asset": {"version": "2.0", "generator": "vfx-swap"},
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0, "name": mesh.name}],
        "meshes": [
            {
                "name": mesh.name,
                "primitives": [primitive],
                "weights": weights,
                "extras": {"targetNames": list(mesh.names)},
            }
        ],
        "materials": [material],
        "textures": [{"source": 0, "sampler": 0}],
        "samplers": [{"magFilter": 9729, "minFilter": 9987, "wrapS": 33071, "wrapT": 33071}],
        "images": [{"name": "face", "bufferView": image, "mimeType": "image/png"}],
        "buffers": [{"byteLength": len(block.content)}],
        "bufferViews": block.views,
        "accessors": block.accessors,
    }
    text = json.dumps(document, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 4)
    chunks = struct.pack("<I4s", len(text), b"JSON") + text
    chunks += struct.pack("<I4s", len(block.content), b"BIN\0") + bytes(block.content)
    return struct.pack("<4sII", b"glTF", 2, 12 + len(chunks)) + chunks


def _tuples(values: np.ndarray) -> str:
    return "[" + ", ".join("(" + ", ".join(f"{value:.6g}" for value in row) + ")" for row in values.tolist()) + "]"


def _numbers(values: np.ndarray) -> str:
    return "[" + ", ".join(map(str, values.tolist())) + "]"


def _blend_shape(name: str, delta: FloatArray) -> str:
    moved = np.flatnonzero(np.abs(delta).max(axis=1) > 1e-6)
    moved = moved if len(moved) else np.zeros(1, np.int64)  # a shape that moves nothing still names a point
    return (
        f'        def BlendShape "{name}"\n        {{\n'
        f"            uniform vector3f[] offsets = {_tuples(delta[moved])}\n"
        f"            uniform int[] pointIndices = {_numbers(moved)}\n        }}\n"
    )


def _usda(mesh: ShapedMesh, *, texture: str) -> str:
    """A SkelRoot with a skeleton of one joint, the mesh with its blend shapes, and a material."""
    head = """#usda 1.0
(
    defaultPrim = "Face"
    metersPerUnit = 1
    upAxis = "Y"
)

def SkelRoot "Face" (
    prepend apiSchemas = ["SkelBindingAPI"]
)
{
"""
    names = ", ".join(f'"{name}"' for name in mesh.names)
    parts = (_usda_skeleton(names, len(mesh.names)), _usda_mesh(mesh, names), _usda_material(texture))
    return head + "\n".join(parts) + "}\n"


def _usda_skeleton(names: str, count: int) -> str:
    zeros = ", ".join(["0"] * count)
    return f"""    def Skeleton "Skeleton" (
        prepend apiSchemas = ["SkelBindingAPI"]
    )
    {{
        uniform token[] joints = ["head"]
        uniform matrix4d[] bindTransforms = [{_ONE}]
        uniform matrix4d[] restTransforms = [{_ONE}]
        rel skel:animationSource = </Face/Skeleton/Neutral>

        def SkelAnimation "Neutral"
        {{
            uniform token[] blendShapes = [{names}]
            float[] blendShapeWeights = [{zeros}]
            uniform token[] joints = ["head"]
            quatf[] rotations = [(1, 0, 0, 0)]
            half3[] scales = [(1, 1, 1)]
            float3[] translations = [(0, 0, 0)]
        }}
    }}
"""


def _usda_mesh(mesh: ShapedMesh, names: str) -> str:
    targets = ", ".join(f"</Face/Skin/{name}>" for name in mesh.names)
    count = len(mesh.vertices)
    low, high = mesh.vertices.min(axis=0), mesh.vertices.max(axis=0)
    shapes = "".join(_blend_shape(name, delta) for name, delta in zip(mesh.names, mesh.deltas, strict=True))
    return f"""    def Mesh "Skin" (
        prepend apiSchemas = ["SkelBindingAPI", "MaterialBindingAPI"]
    )
    {{
        uniform bool doubleSided = 1
        float3[] extent = {_tuples(np.stack([low, high]))}
        int[] faceVertexCounts = {_numbers(np.full(len(mesh.triangles), 3))}
        int[] faceVertexIndices = {_numbers(mesh.triangles.reshape(-1))}
        rel material:binding = </Face/Material>
        normal3f[] normals = {_tuples(mesh.normals)} (
            interpolation = "vertex"
        )
        point3f[] points = {_tuples(mesh.vertices)}
        texCoord2f[] primvars:st = {_tuples(mesh.uv)} (
            interpolation = "vertex"
        )
        int[] primvars:skel:jointIndices = {_numbers(np.zeros(count, int))} (
            elementSize = 1
            interpolation = "vertex"
        )
        float[] primvars:skel:jointWeights = {_numbers(np.ones(count, int))} (
            elementSize = 1
            interpolation = "vertex"
        )
        matrix4d primvars:skel:geomBindTransform = {_ONE}
        uniform token[] skel:blendShapes = [{names}]
        rel skel:blendShapeTargets = [{targets}]
        rel skel:skeleton = </Face/Skeleton>
        uniform token subdivisionScheme = "none"

{shapes}    }}
"""


def _usda_material(texture: str) -> str:
    return f"""    def Material "Material"
    {{
        token outputs:surface.connect = </Face/Material/Surface.outputs:surface>

        def Shader "Surface"
        {{
            uniform token info:id = "UsdPreviewSurface"
            color3f inputs:diffuseColor.connect = </Face/Material/Texture.outputs:rgb>
            float inputs:roughness = {ROUGHNESS}
            token outputs:surface
        }}

        def Shader "Texture"
        {{
            uniform token info:id = "UsdUVTexture"
            asset inputs:file = @./{texture}@
            token inputs:sourceColorSpace = "sRGB"
            float2 inputs:st.connect = </Face/Material/Coordinates.outputs:result>
            token inputs:wrapS = "clamp"
            token inputs:wrapT = "clamp"
            float3 outputs:rgb
        }}

        def Shader "Coordinates"
        {{
            uniform token info:id = "UsdPrimvarReader_float2"
            string inputs:varname = "st"
            float2 outputs:result
        }}
    }}
"""
