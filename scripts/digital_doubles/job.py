"""What Blender is told, as arrays and JSON: every thing's points at a picture's time, and how they move.

`scene` reads it. A picture's digest is that of all that decides its bits but the machine.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from scripts.digital_doubles.figure import EYE_RADIUS
from scripts.digital_doubles.lashes import LASH_POINTS
from scripts.digital_doubles.mesh import HEAD, FloatArray, Mesh, Strands
from scripts.digital_doubles.paint import cylinder, paint_eye, paint_skin
from scripts.digital_doubles.regions import PART_REGIONS, PASSES, SKIN, pass_name, skin_regions
from scripts.digital_doubles.stage import FPS, SHUTTER, Actor, Stage, moved

__all__ = ["Job"]

Box = tuple[float, float, float, float]

_EYES = {"l": "r_eye", "r": "l_eye"}
"""The head's own side -> region: those of a parser are sides of the picture."""


class Job:
    """What Blender is told, growing picture by picture; `digest` tells whether a picture was drawn before."""

    def __init__(self, *, stage: Stage, folder: Path) -> None:
        self.stage, self.folder = stage, folder
        self.arrays: dict[str, Any] = {}
        self.materials: dict[str, Any] = {}
        self.things: list[dict[str, Any]] = []
        self.pictures: list[dict[str, Any]] = []
        self.images: dict[str, str] = {}
        self._moving: dict[str, Any] = {}
        self._still = ""
        for number, actor in enumerate(stage.actors):
            self._actor(number, actor)
        for prop in stage.props:
            self._prop(prop.name, prop)
        if stage.wall is not None:
            self._wall(stage.wall)
        self.world = dict(stage.world)
        if self.world.get("picture") is not None:
            self.world["picture"] = self._image("world", self.world["picture"])

    def _add_mesh(self, name: str, *, faces: Any, rest: Any, material: str, **more: Any) -> None:
        attributes = {"rest": f"{name}.rest"}
        self.arrays[f"{name}.rest"] = np.asarray(rest, np.float32)
        for key, values in more.pop("attributes", {}).items():
            self.arrays[f"{name}.{key}"] = np.asarray(values, np.float32)
            attributes[key] = f"{name}.{key}"
        self.arrays[f"{name}.loops"] = np.concatenate([np.asarray(face, np.int32) for face in faces])
        self.arrays[f"{name}.sizes"] = np.array([len(face) for face in faces], np.int32)
        spec = {"name": name, "count": len(rest), "loops": f"{name}.loops", "sizes": f"{name}.sizes"}
        if more.get("uv") is not None:
            self.arrays[f"{name}.uv"] = np.asarray(more.pop("uv"), np.float32)
            spec["uv"] = f"{name}.uv"
        more.pop("uv", None)
        self.things.append(spec | more | {"attributes": attributes, "material": material})

    def _image(self, name: str, picture: Any) -> str:
        from scripts.digital_doubles.pictures import write_exr

        path = self.folder / f"{name}.exr"
        if not path.is_file():
            write_exr(path=path, pixels=picture, half=True)
        self.images[path.name] = hashlib.sha256(np.ascontiguousarray(picture).tobytes()).hexdigest()
        return path.name

    def _actor(self, number: int, actor: Actor) -> None:
        p, region, person = f"a{number}-", actor.figure.region, actor.figure.person
        face = "face" if number == 0 else f"face{number + 1}"
        rest = region.skin(region.anatomy.vertices)
        region_fine = np.clip(region.skin(region.face[:, None])[:, 0], 0, 1)
        inside = np.clip(region.skin(region.inside[:, None])[:, 0], 0, 1)
        attributes = {
            "mask": region_fine,
            "lips": np.clip(region.skin(region.anatomy.mask("lips")[:, None])[:, 0], 0, 1) * (1 - inside),
            "inside": inside,
            "counts": np.clip((region_fine - 0.3) / 0.4, 0, 1),
        }
        for name, values in skin_regions(region=region, person=person).items() if self.stage.regions else ():
            attributes |= self._counted(name, values)
        uv = cylinder(rest)
        self._add_mesh(
            f"{p}skin", faces=region.skin.quads, rest=rest, material=f"{p}skin", uv=uv, attributes=attributes
        )
        self._skin_materials(number, actor, face)
        cloth = region.cloth(region.anatomy.vertices)
        self._add_mesh(f"{p}cloth", faces=region.cloth.quads, rest=cloth, material=f"{p}cloth", thickness=0.0025)
        self.materials[f"{p}cloth"] = {"kind": "cloth", "color": actor.shirt, "mattes": self._counted("cloth")}
        for name, refined in region.mouth.items():
            points = refined(region.anatomy.vertices)
            self._add_mesh(f"{p}{name}", faces=refined.quads, rest=points, material=f"{p}{name}")
            tooth = name != "tongue"
            self.materials[f"{p}{name}"] = {
                "kind": "wet",
                "color": (0.62, 0.55, 0.43) if tooth else (0.36, 0.12, 0.11),
                "roughness": 0.22 if tooth else 0.35,
                "noise_scale": 120.0 if tooth else 900.0,
                "bump": 0.0001 if tooth else 0.0005,
                "mattes": {face: 1.0} | self._counted("mouth"),
            }
        ball, quads = _ball()
        for side in ("l", "r"):
            eye_uv = 0.5 + 0.5 * ball[:, :2] / EYE_RADIUS
            told = self._counted(_EYES[side], np.ones(len(ball)))
            self._add_mesh(f"{p}{side}-eye", faces=quads, rest=ball, material=f"{p}eye", uv=eye_uv, attributes=told)
        counts = {face: 1.0} | self._counted("skin")
        lash = {"kind": "strands", "color": tuple(0.35 * c for c in person.hair), "mattes": counts}
        self.materials[f"{p}lash"] = lash
        radius = np.linspace(0.00009, 0.00002, LASH_POINTS)
        for name in region.lashes:
            count = region.lashes[name].shape[0]
            self._add_strands(f"{p}{name}", count=count, points=LASH_POINTS, radius=radius, material=f"{p}lash")
        for thing in actor.things:
            if isinstance(thing, Mesh):
                self._prop(f"{p}{thing.name}", thing)
            else:
                name = f"{p}{thing.name}"
                strands, points = thing.points.shape[:2]
                material = {"kind": "strands", "mattes": self._mattes(thing.part)} | dict(thing.material)
                self.materials[name] = material
                self._add_strands(name, count=strands * points, points=points, radius=thing.radius, material=name)

    def _counted(self, region: str, value: Any = 1.0) -> dict[str, Any]:
        """How much of a surface is a region, under its pass' name; nothing where regions are not asked for."""
        return {pass_name(region): value} if self.stage.regions else {}

    def _mattes(self, part: str) -> dict[str, Any]:
        matte = {} if part == "other" else {part: 1.0}
        return matte | (self._counted(PART_REGIONS[part]) if part in PART_REGIONS else {})

    def _skin_materials(self, number: int, actor: Actor, face: str) -> None:
        """Materials `skin` and `eye`, and where a face is worn `skin-worn` and `eye-worn`."""
        p, person = f"a{number}-", actor.figure.person
        outer = self._image(f"skin-{person.name}", paint_skin(person=person, tone=person.tone))
        for suffix, figure in (("", actor.figure), ("-worn", actor.worn)):
            if figure is None:
                continue
            face_of = figure.identity or person
            inner = outer
            if face_of is not person:
                painted = paint_skin(person=face_of, tone=person.tone, scalp_of=person)
                inner = self._image(f"skin-{face_of.name}-on-{person.name}", painted)
            self.materials[f"{p}skin{suffix}"] = {
                "kind": "skin",
                "outer": outer,
                "inner": inner,
                "lips": tuple(t * f for t, f in zip(person.tone, face_of.lips, strict=True)),
                "pores": 0.8 + 0.5 * face_of.age,
                "mattes": {face: "counts"} | {name: name for one in SKIN for name in self._counted(one)},
            }
            picture = self._image(f"eye-{face_of.name}", paint_eye(person=face_of))
            self.materials[f"{p}eye{suffix}"] = {
                "kind": "eye",
                "picture": picture,
                "mattes": {face: 1.0} | {name: name for one in _EYES.values() for name in self._counted(one)},
            }

    def _add_strands(self, name: str, *, count: int, points: int, radius: Any, material: str) -> None:
        self.arrays[f"{name}.radius"] = np.asarray(radius, np.float32)
        spec = {"name": name, "count": count, "points": points, "radius": f"{name}.radius", "material": material}
        self.things.append(spec)

    def _prop(self, name: str, prop: Mesh) -> None:
        self.materials[name] = {"kind": "prop", "mattes": self._mattes(prop.part)} | dict(prop.material)
        more: dict[str, Any] = {"subdivisions": prop.subdivisions, "smooth": prop.smooth}
        self._add_mesh(name, faces=prop.faces, rest=prop.vertices, material=name, uv=prop.uv, **more)

    def _wall(self, wall: Mapping[str, Any]) -> None:
        d = -float(wall.get("distance", 1.6))
        corners = np.array([(-6, -3, d), (6, -3, d), (6, 4, d), (-6, 4, d)], np.float64)
        self._add_mesh("wall", faces=[(0, 1, 2, 3)], rest=corners, material="wall")
        self.materials["wall"] = {"kind": "wall", "mattes": {}} | dict(wall)

    def picture(self, *, name: str, time: float, worn: bool, box: Box | None = None) -> str:
        """Adds a picture: every thing's points at its time and how they move. Returns its digest.

        `worn` draws the identities' faces; `box` (left, low, right, high as shares of the frame, y up) draws only that.
        """
        half = 0.5 * SHUTTER * self.stage.pace
        before, now, after = (self._points(time + d, worn=worn) for d in (-half, 0.0, half))
        places: dict[str, Any] = {}
        for thing, points in now.items():
            key = f"{name}.{thing}"
            self._moving[f"{key}.p"] = points.astype(np.float32)
            self._moving[f"{key}.v"] = ((after[thing] - before[thing]) / SHUTTER * FPS).astype(np.float32)
            places[thing] = {"points": f"{key}.p", "velocity": f"{key}.v"}
        for number, actor in enumerate(self.stage.actors):
            for thing in ("skin", "l-eye", "r-eye"):
                kind = "skin" if thing == "skin" else "eye"
                suffix = "-worn" if worn and actor.worn is not None else ""
                places[f"a{number}-{thing}"]["material"] = f"a{number}-{kind}{suffix}"
        views = [self.stage.view(time + d) for d in (-half, 0.0, half)]
        self._moving[f"{name}.camera"] = np.stack([view.pose for view in views])
        self.pictures.append(
            {
                "name": name,
                "things": places,
                "camera": f"{name}.camera",
                "field": [view.field for view in views],
                "lights": [vars(light) for light in self.stage.lights(time)],
                "box": box,
            }
        )
        return self._digest(name, self.pictures[-1])

    def _digest(self, name: str, picture: Mapping[str, Any]) -> str:
        """Of all that decides a picture but the machine: numbers, paintings, Blender's side of the code."""
        found = hashlib.sha256(self._still_digest().encode())
        found.update(json.dumps(picture, sort_keys=True, default=_plain).replace(f'"{name}', '"').encode())
        for key in sorted(k for k in self._moving if k.startswith(f"{name}.")):
            found.update(key.removeprefix(name).encode())
            found.update(np.ascontiguousarray(self._moving[key]).tobytes())
        return found.hexdigest()[:32]

    def _still_digest(self) -> str:
        if not self._still:
            found = hashlib.sha256(json.dumps(self._told(), sort_keys=True, default=_plain).encode())
            found.update(json.dumps(self.images, sort_keys=True).encode())
            for key in sorted(self.arrays):
                found.update(key.encode() + np.ascontiguousarray(self.arrays[key]).tobytes())
            for name in ("scene.py", "scene_materials.py"):
                found.update(Path(__file__).with_name(name).read_bytes())
            self._still = found.hexdigest()
        return self._still

    def _points(self, time: float, *, worn: bool) -> dict[str, FloatArray]:
        """World places of every thing at a time."""
        found: dict[str, FloatArray] = {}
        ball = _ball()[0]
        for number, actor in enumerate(self.stage.actors):
            moment = actor.act(time)
            figure = actor.worn if worn and actor.worn is not None else actor.figure
            vertices = figure.posed(weights=moment.weights, motion=moment.motion)
            for part, points in figure.parts(vertices).items():
                places = ball @ points[:3, :3].T + points[:3, 3] if part.endswith("-eye") else points
                found[f"a{number}-{part}"] = moved(actor.root, places)
            pose = actor.root @ actor.figure.head_pose(moment.motion)
            for thing in actor.things:
                places = _thing_points(thing, time)
                found[f"a{number}-{thing.name}"] = moved(pose if thing_space(thing) == HEAD else np.eye(4), places)
        for prop in self.stage.props:
            found[prop.name] = _thing_points(prop, time)
        if self.stage.wall is not None:
            found["wall"] = np.asarray(self.arrays["wall.rest"], np.float64)
        return found

    def _told(self) -> dict[str, Any]:
        stage = self.stage
        render = {
            "width": stage.width,
            "height": stage.height,
            "samples": stage.samples,
            "seed": stage.seed,
            "fps": FPS,
        }
        return {
            "render": render | {"denoise": stage.denoise},
            "mattes": [*stage.mattes(), *(PASSES if stage.regions else ())],
            "world": self.world,
            "materials": self.materials,
            "things": self.things,
        }

    def save(self, names: Sequence[str]) -> None:
        """Writes `job.json` and `arrays.npz` for the pictures named, of those added."""
        job = self._told()
        job["render"]["threads"] = self.stage.threads
        job["pictures"] = [picture for picture in self.pictures if picture["name"] in set(names)]
        kept = {key: value for key, value in self._moving.items() if key.split(".")[0] in set(names)}
        np.savez(self.folder / "arrays.npz", **self.arrays, **kept)
        (self.folder / "job.json").write_text(json.dumps(job, indent=1, default=_plain))


def _plain(value: Any) -> Any:
    return np.asarray(value).tolist()


def thing_space(thing: Mesh | Strands) -> str:
    """`mesh.HEAD` or `mesh.WORLD`."""
    return thing.space if isinstance(thing, Mesh) else HEAD


def _between(frames: FloatArray, time: float) -> FloatArray:
    """An array per frame, at a time between them (ends carry on straight)."""
    if len(frames) == 1:
        return np.asarray(frames[0], np.float64)
    low = int(np.clip(np.floor(time), 0, len(frames) - 2))
    return np.asarray(frames[low] + (time - low) * (frames[low + 1] - frames[low]), np.float64)


def _thing_points(thing: Mesh | Strands, time: float) -> FloatArray:
    """(n, 3) in the thing's space at a time."""
    if isinstance(thing, Strands):
        return np.asarray(thing.points.reshape(-1, 3), np.float64)
    points = thing.vertices if thing.vertices_by_frame is None else _between(thing.vertices_by_frame, time)
    return points if thing.poses is None else moved(_between(thing.poses, time), points)


def _ball(rings: int = 40, sides: int = 48) -> tuple[FloatArray, list[tuple[int, ...]]]:
    """An eyeball about the origin, pupil toward z, with the cornea's bulge; dense about the pupil."""
    theta = np.pi * (np.arange(1, rings) / rings) ** 1.25
    bulge = 0.0007 * np.clip(1 - (theta / 0.52) ** 2, 0, None) ** 1.3
    radius = EYE_RADIUS + bulge
    phi = np.linspace(0, 2 * np.pi, sides, endpoint=False)
    s = (radius * np.sin(theta))[:, None]
    body = np.stack(
        [s * np.cos(phi), s * np.sin(phi), np.broadcast_to((radius * np.cos(theta))[:, None], (rings - 1, sides))], 2
    )
    front, back = (0.0, 0.0, EYE_RADIUS + 0.0007), (0.0, 0.0, -EYE_RADIUS)
    points = np.concatenate([np.array([front]), body.reshape(-1, 3), np.array([back])])
    faces: list[tuple[int, ...]] = []
    for k in range(sides):
        n = (k + 1) % sides
        faces.append((0, 1 + k, 1 + n))
        for r in range(rings - 2):
            a, b = 1 + r * sides, 1 + (r + 1) * sides
            faces.append((a + k, b + k, b + n, a + n))
        a = 1 + (rings - 2) * sides
        faces.append((a + k, len(points) - 1, a + n))
    return points, faces
