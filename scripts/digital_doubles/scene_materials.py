"""Blender materials of doubles; runs inside Blender's Python.

A spec is a mapping with `kind` and what that kind asks for; `mattes` maps matte names to 1.0 or to the name of a point
attribute that says how much of the surface counts.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

__all__ = ["build"]


class _Nodes:
    """A material's node tree, built by calls that return sockets."""

    def __init__(self, bpy: Any, name: str, folder: Path) -> None:
        self.bpy, self.folder = bpy, folder
        self.material = bpy.data.materials.new(name)
        self.material.use_nodes = True
        self.tree = self.material.node_tree
        self.tree.nodes.clear()
        self.output = self.tree.nodes.new("ShaderNodeOutputMaterial")

    def add(self, kind: str, inputs: Mapping[Any, Any] | None = None, **properties: Any) -> Any:
        node = self.tree.nodes.new(kind)
        for key, value in properties.items():
            setattr(node, key, value)
        for key, value in (inputs or {}).items():
            self.put(node.inputs[key], value)
        return node

    def put(self, socket: Any, value: Any) -> None:
        if hasattr(value, "is_output"):
            self.tree.links.new(value, socket)
        elif isinstance(value, list | tuple) and len(value) == 3 and len(socket.default_value) == 4:
            socket.default_value = (*value, 1.0)
        else:
            socket.default_value = value

    def attribute(self, name: str) -> Any:
        return self.add("ShaderNodeAttribute", attribute_name=name)

    def mix(self, factor: Any, a: Any, b: Any, blend: str = "MIX") -> Any:
        node = self.add("ShaderNodeMix", data_type="RGBA", blend_type=blend)
        for socket, value in ((node.inputs[0], factor), (node.inputs[6], a), (node.inputs[7], b)):
            self.put(socket, value)
        return node.outputs[2]

    def blend(self, factor: Any, a: Any, b: Any) -> Any:
        node = self.add("ShaderNodeMix", data_type="FLOAT")
        for socket, value in ((node.inputs[0], factor), (node.inputs[2], a), (node.inputs[3], b)):
            self.put(socket, value)
        return node.outputs[0]

    def math(self, operation: str, a: Any, b: Any = 0.0) -> Any:
        return self.add("ShaderNodeMath", {0: a, 1: b}, operation=operation).outputs[0]

    def picture(self, path: str, *, extension: str = "EXTEND") -> Any:
        node = self.add("ShaderNodeTexImage", extension=extension, interpolation="Cubic")
        node.image = self.bpy.data.images.load(str(self.folder / path), check_existing=True)
        node.image.colorspace_settings.name = "Non-Color"
        node.image.alpha_mode = "CHANNEL_PACKED"
        return node

    def noise(self, vector: Any, scale: float, detail: float = 2.0) -> Any:
        return self.add("ShaderNodeTexNoise", {"Vector": vector, "Scale": scale, "Detail": detail}).outputs["Fac"]

    def bump(self, height: Any, distance: float, normal: Any = None) -> Any:
        inputs = {"Height": height, "Distance": distance, "Strength": 1.0}
        if normal is not None:
            inputs["Normal"] = normal
        return self.add("ShaderNodeBump", inputs).outputs["Normal"]

    def principled(self, inputs: Mapping[str, Any]) -> Any:
        return self.add("ShaderNodeBsdfPrincipled", inputs, subsurface_method="BURLEY").outputs["BSDF"]

    def finish(self, shader: Any, mattes: Mapping[str, Any], texture: Any = None) -> Any:
        self.tree.links.new(shader, self.output.inputs["Surface"])
        for name, value in mattes.items():
            node = self.add("ShaderNodeOutputAOV", aov_name=name)
            self.put(
                node.inputs["Value"], self.attribute(value).outputs["Fac"] if isinstance(value, str) else float(value)
            )
        if texture is not None:
            node = self.add("ShaderNodeOutputAOV", aov_name="texture")
            self.put(node.inputs["Color"], texture)
        return self.material


def build(bpy: Any, name: str, spec: Mapping[str, Any], folder: Path) -> Any:
    """The material a spec asks for; its pictures lie in `folder`."""
    nodes = _Nodes(bpy, name, folder)
    kinds = {
        "skin": _skin,
        "eye": _eye,
        "wet": _wet,
        "cloth": _cloth,
        "strands": _strands,
        "prop": _prop,
        "wall": _wall,
    }
    return kinds[spec["kind"]](nodes, spec)


def _skin(nodes: _Nodes, spec: Mapping[str, Any]) -> Any:
    """Painted albedo, two pictures mixed by the face region, lips and mouth by attributes, pores by bump."""
    rest = nodes.attribute("rest").outputs["Vector"]
    uv = nodes.add("ShaderNodeUVMap").outputs["UV"]
    mask, lips, inside = (nodes.attribute(key).outputs["Fac"] for key in ("mask", "lips", "inside"))
    outer, inner = nodes.picture(spec["outer"]), nodes.picture(spec["inner"])
    for node in (outer, inner):
        nodes.put(node.inputs["Vector"], uv)
    colour = nodes.mix(mask, outer.outputs["Color"], inner.outputs["Color"])
    rough = nodes.blend(mask, outer.outputs["Alpha"], inner.outputs["Alpha"])
    fine = nodes.noise(rest, 260.0, 3.0)
    lip = nodes.mix(nodes.math("MULTIPLY", fine, 0.5), list(spec["lips"]), [0.7 * c for c in spec["lips"]])
    colour = nodes.mix(nodes.math("MULTIPLY", lips, 0.9), colour, lip)
    colour = nodes.mix(inside, colour, [0.30, 0.075, 0.065])
    rough = nodes.blend(lips, rough, 0.34)
    rough = nodes.blend(inside, rough, 0.25)
    pores = nodes.add("ShaderNodeTexVoronoi", {"Vector": rest, "Scale": 1300.0}, feature="SMOOTH_F1").outputs[
        "Distance"
    ]
    wrinkles = nodes.noise(rest, 420.0, 4.0)
    calm = nodes.blend(lips, 1.0, 0.15)
    normal = nodes.bump(nodes.math("MULTIPLY", pores, calm), 0.00012 * spec["pores"])
    normal = nodes.bump(nodes.math("MULTIPLY", wrinkles, calm), 0.00035 * spec["pores"], normal)
    creases = nodes.add("ShaderNodeTexNoise", {"Vector": rest, "Scale": 700.0, "Detail": 1.0, "Distortion": 1.5})
    normal = nodes.bump(nodes.math("MULTIPLY", creases.outputs["Fac"], lips), 0.0004, normal)
    shader = nodes.principled(
        {
            "Base Color": colour,
            "Roughness": rough,
            "Specular IOR Level": nodes.blend(inside, 0.5, 0.5),
            "Subsurface Weight": 0.85,
            "Subsurface Radius": (1.0, 0.36, 0.20),
            "Subsurface Scale": 0.0042,
            "Normal": normal,
        }
    )
    return nodes.finish(shader, spec["mattes"], uv)


def _eye(nodes: _Nodes, spec: Mapping[str, Any]) -> Any:
    """A painted ball under a wet coat."""
    image = nodes.picture(spec["picture"])
    nodes.put(image.inputs["Vector"], nodes.add("ShaderNodeUVMap").outputs["UV"])
    shader = nodes.principled(
        {
            "Base Color": image.outputs["Color"],
            "Roughness": 0.45,
            "Specular IOR Level": 0.3,
            "Subsurface Weight": 0.15,
            "Subsurface Radius": (1.0, 0.5, 0.3),
            "Subsurface Scale": 0.001,
            "Coat Weight": 1.0,
            "Coat Roughness": 0.03,
            "Coat IOR": 1.376,
        }
    )
    return nodes.finish(shader, spec["mattes"])


def _wet(nodes: _Nodes, spec: Mapping[str, Any]) -> Any:
    """Teeth and tongue."""
    rest = nodes.attribute("rest").outputs["Vector"]
    noise = nodes.noise(rest, spec.get("noise_scale", 300.0))
    colour = nodes.mix(noise, list(spec["color"]), [0.75 * c for c in spec["color"]])
    shader = nodes.principled(
        {
            "Base Color": colour,
            "Roughness": spec.get("roughness", 0.25),
            "Subsurface Weight": 0.5,
            "Subsurface Radius": (1.0, 0.7, 0.5),
            "Subsurface Scale": 0.0012,
            "Coat Weight": 0.4,
            "Coat Roughness": 0.08,
            "Normal": nodes.bump(noise, spec.get("bump", 0.0002)),
        }
    )
    return nodes.finish(shader, spec["mattes"])


def _cloth(nodes: _Nodes, spec: Mapping[str, Any]) -> Any:
    rest = nodes.attribute("rest").outputs["Vector"]
    weave = nodes.noise(rest, 900.0, 1.0)
    folds = nodes.noise(rest, 18.0, 2.0)
    colour = nodes.mix(weave, list(spec["color"]), [0.7 * c for c in spec["color"]])
    normal = nodes.bump(folds, 0.008, nodes.bump(weave, 0.0006))
    inputs = {"Base Color": colour, "Roughness": 0.9, "Specular IOR Level": 0.2, "Sheen Weight": 0.25, "Normal": normal}
    return nodes.finish(nodes.principled(inputs), spec["mattes"])


def _strands(nodes: _Nodes, spec: Mapping[str, Any]) -> Any:
    """Hair with Chiang's fibre shader, or `plain`: as cheap as skin, for lashes and props."""
    rough = spec.get("roughness", 0.35)
    colour = list(spec.get("color", (0.06, 0.035, 0.02)))
    if spec.get("plain"):
        shader = nodes.principled({"Base Color": colour, "Roughness": rough, "Specular IOR Level": 0.4})
        return nodes.finish(shader, spec["mattes"])
    if "melanin" in spec:
        node = nodes.add("ShaderNodeBsdfHairPrincipled", {"Roughness": rough}, parametrization="MELANIN")
        node.inputs["Melanin"].default_value = float(spec["melanin"])
    else:
        node = nodes.add("ShaderNodeBsdfHairPrincipled", {"Roughness": rough}, parametrization="COLOR")
        nodes.put(node.inputs["Color"], colour)
    node.inputs["Random Roughness"].default_value = 0.1
    return nodes.finish(node.outputs["BSDF"], spec["mattes"])


def _prop(nodes: _Nodes, spec: Mapping[str, Any]) -> Any:
    """What `mesh.Mesh.material` says."""
    colour: Any = list(spec.get("color", (0.5, 0.5, 0.5)))
    inputs: dict[str, Any] = {
        "Roughness": spec.get("roughness", 0.5),
        "Metallic": spec.get("metallic", 0.0),
        "Specular IOR Level": spec.get("specular", 0.5),
        "Coat Weight": spec.get("coat", 0.0),
        "Sheen Weight": spec.get("sheen", 0.0),
        "Transmission Weight": spec.get("transmission", 0.0),
        "IOR": spec.get("ior", 1.45),
    }
    if spec.get("subsurface"):
        inputs["Subsurface Weight"] = spec["subsurface"]
        inputs["Subsurface Radius"] = tuple(spec.get("subsurface_radius", (0.0042, 0.0015, 0.0008)))
        inputs["Subsurface Scale"] = 1.0
    if spec.get("noise") or spec.get("bump"):
        rest = nodes.attribute("rest").outputs["Vector"]
        noise = nodes.noise(rest, spec.get("noise_scale", 300.0), 3.0)
        if spec.get("noise"):
            factor = nodes.math("MULTIPLY", noise, float(spec["noise"]))
            colour = nodes.mix(factor, colour, [0.35 * c for c in colour])
        if spec.get("bump"):
            inputs["Normal"] = nodes.bump(noise, float(spec["bump"]))
    inputs["Base Color"] = colour
    if spec.get("thin"):
        clear = nodes.add("ShaderNodeBsdfTransparent", {"Color": [0.5 + 0.5 * c for c in spec.get("color", (1, 1, 1))]})
        shine = nodes.add("ShaderNodeBsdfGlossy", {"Roughness": 0.01})
        fresnel = nodes.add("ShaderNodeFresnel", {"IOR": spec.get("ior", 1.45)})
        mixed = nodes.add("ShaderNodeMixShader", {0: fresnel.outputs[0], 1: clear.outputs[0], 2: shine.outputs[0]})
        return nodes.finish(mixed.outputs[0], spec["mattes"])
    return nodes.finish(nodes.principled(inputs), spec["mattes"])


def _wall(nodes: _Nodes, spec: Mapping[str, Any]) -> Any:
    """A backdrop out of focus: soft blotches of two colours."""
    place = nodes.attribute("rest").outputs["Vector"]
    colour = nodes.mix(nodes.noise(place, spec.get("noise_scale", 1.6), 1.5), list(spec["color"]), list(spec["color2"]))
    return nodes.finish(nodes.principled({"Base Color": colour, "Roughness": 0.9}), spec["mattes"])
