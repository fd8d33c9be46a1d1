"""Work on a shot's frames: begun by a button or by a render, driven by `pump`, which never waits.

A work asks the agent for the frames, then for their layers as compositors read them, then shows them. Only `pump` and
`wait` are called by operators and handlers; they run where Blender may be touched.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterable
from typing import Any

import bpy

from . import compat, knobs, link, node, plate, result_tree, shots
from .refused import Refused
from .vfx_swap_bridge.paths import frame_file
from .vfx_swap_bridge.shot import frame_ranges

__all__ = ["Work", "out_of_date", "ready", "remembered_plate", "show_node", "start", "start_range", "take_up"]

STEP_SECONDS = 0.02

Shown = Callable[[shots.Version, list[int]], None]


class Work:
    """One range of a shot on its way.

    Args:
        owner: a node's tree, an image or a scene; found again by name, as it may be gone.
        plate: whose frames.
        version: where they go.
        frames: of the plate, to have at the end.
        shown: told the version and the frames when they are there.
    """

    def __init__(
        self, owner: Any, *, plate: plate.Plate, version: shots.Version, frames: list[int], shown: Shown
    ) -> None:
        self.key = link.key_of(owner)
        self.plate, self.version, self.frames = plate, version, frames
        self.trouble = ""
        self.cancelled = False
        self.warnings: list[str] = []
        self.said = ""
        self._shown = shown
        self._job: Any = None
        self._layers: Any = None
        self._before = {one: _time(version.file(one)) for one in frames}
        self._remembered = ""
        self._ended = False

    def begin(self, job: Any = None) -> None:
        """Ask the agent, or go on with a job that it has.

        Raises:
            Refused: nobody goes in.
            AgentError: there is no agent, or it says no.
        """
        owner, here = link.owner_of(self.key), link.current()
        left = [one for one in self.frames if not self.version.current(self.plate, one)]
        here.works[self.key] = self
        owner.vfx_swap.trouble = ""
        if job is None and left:
            values = shots.values(owner, self.plate, output=self.version.pattern)
            try:
                job = here.job(values, frames=frame_ranges(left))
            except BaseException:
                here.works.pop(self.key, None)
                raise
        self._job = job
        self._remember(owner)

    def _remember(self, owner: Any) -> None:
        """Keep on the owner what it takes to go on after Blender was closed."""
        if self._job is not None:
            note = {"job": self._job.record(), "frames": self.frames, "pattern": self.version.pattern}
            owner.vfx_swap.job = json.dumps({**note, "digest": self.version.digest, "plate": vars(self.plate)})
            self._remembered = self._job.id

    def pump(self) -> bool:
        """Take what the agent said; True while the work goes on."""
        if self._ended:
            return False
        try:
            self._step()
        except (Refused, OSError, *link.errors()) as error:
            self._end(link.sentence(error))
        return not self._ended

    def wait(self) -> None:
        """Until the end, for where there are no timers."""
        while self.pump():
            time.sleep(STEP_SECONDS)

    def cancel(self) -> None:
        """Ask the agent to stop; frames that are made stay."""
        self.cancelled = True
        if self._job is not None:
            self._job.cancel()

    def leave(self) -> None:
        """Let go without a word to the agent; the owner keeps the record."""
        link.current().works.pop(self.key, None)
        self._ended = True

    def _step(self) -> None:
        owner = link.owner_of(self.key)
        if self._job is not None:
            going = self._job.pump()
            self._tell(owner)
            if going:
                return
            self._take_job()
        if self._layers is None and self._wants_layers(owner):
            there = self._there()
            if there:
                self._layers = link.current().layers(self.version.pattern, self.version.host_pattern, there)
        if self._layers is not None:
            self._layers.poll()
            if not self._layers.finished:
                return
            if self._layers.error is not None and not self.trouble:
                self.trouble = link.sentence(self._layers.error)
        self._end(self.trouble)

    def _take_job(self) -> None:
        """The end of the agent's render: what it could not do is told, what it made is kept on record."""
        job, self._job = self._job, None
        self.warnings += job.warnings
        made = set(self.frames)
        if job.error is not None:
            self.trouble = "" if self.cancelled else link.sentence(job.error)
            made = {one for one in made if _time(self.version.file(one)) != self._before[one]}
        made = {one for one in made if os.path.isfile(self.version.file(one))}
        if made:
            self.version.keep(self.plate, made)

    def _wants_layers(self, owner: Any) -> bool:
        return isinstance(owner, bpy.types.NodeTree)

    def _there(self) -> list[int]:
        """Frames of the range whose layers are older than the result, or missing."""
        return [
            one
            for one in self.frames
            if self.version.current(self.plate, one)
            and _time(frame_file(self.version.host_pattern, one)) < _time(self.version.file(one))
        ]

    def _tell(self, owner: Any) -> None:
        state = owner.vfx_swap
        progress = self._job.progress
        state.progress = progress.done / progress.total if progress.total else 0.0
        state.status = self._job.sentence()
        if self._job.id != self._remembered:
            self._remember(owner)

    def _end(self, trouble: str) -> None:
        self._ended = True
        self.trouble = trouble
        link.current().works.pop(self.key, None)
        try:
            owner = link.owner_of(self.key)
        except Refused:  # deleted meanwhile
            return
        state = owner.vfx_swap
        state.job, state.trouble, state.progress = "", trouble, 0.0
        made = [one for one in self.frames if self.version.current(self.plate, one)]
        self.said = f"{len(made)} of {len(self.frames)} frames, {os.path.basename(self.version.pattern)}"
        state.status = "\n".join([self.said, *self.warnings])
        if made:
            state.result, state.digest, state.version = self.version.pattern, self.version.digest, self.version.number
            state.colour = self.plate.colour
            self._shown(self.version, made)


def _time(path: str) -> int:
    """When a file was written, 0 where it is not."""
    try:
        return os.stat(path).st_mtime_ns
    except OSError:
        return 0


def start(owner: Any, plate: plate.Plate, frames: Iterable[int], *, shown: Shown, anew: bool = False) -> Work:
    """Begin.

    Raises:
        Refused: nobody goes in, no frame is asked for, no folder is known, or the shot is under way already.
        AgentError: there is no agent, or it says no.
    """
    wanted = list(frames)
    link.current().described()
    knobs.fit(owner, link.current().knobs)
    if not wanted:
        raise Refused("No frame of the plate lies in this range")
    if link.key_of(owner) in link.current().works:
        raise Refused(f"{owner.name} is under way already")
    work = Work(owner, plate=plate, version=shots.pick(owner, plate, wanted, anew=anew), frames=wanted, shown=shown)
    work.begin()
    return work


def start_range(owner: Any, *, scene: Any, anew: bool = False) -> Work:
    """Begin the owner's range: its own, else the scene's, as far as the plate has frames.

    Raises:
        Refused: as `start`; or the node has no plate.
        AgentError: as `start`.
    """
    if isinstance(owner, bpy.types.Image):
        of = plate.of_image(owner, _WHOLE)
        if of is None:
            raise Refused(f"{owner.name} has no file")
        return start(owner, of, _in_range(owner, of, scene), shown=_show_image(owner), anew=anew)
    scene, tree, one = node.owner_tree(owner)
    of = plate.of_node(one)
    if of is None:
        of = _rendered_plate(owner, scene=scene, tree=tree, one=one)
    first, last = _range(owner, scene)
    have = set(of.on_disk()) if of.kind == "SEQUENCE" else None
    frames = [frame for frame in of.frames(first, last) if have is None or frame in have]
    return start(owner, of, frames, shown=show_node(owner, of), anew=anew)


def take_up(owner: Any) -> Work:
    """Go on with the work that a file remembers.

    Raises:
        Refused: it remembers none.
        AgentError: there is no agent, or the server does not know the work.
    """
    note = json.loads(owner.vfx_swap.job or "{}")
    if not note:
        raise Refused("Nothing was under way")
    of = plate.Plate(**note["plate"])
    version = shots.pick(owner, of, note["frames"])
    if version.pattern != note["pattern"]:  # the settings were changed since: what was begun keeps its own version
        version = shots.Version(owner.vfx_swap.version, note["pattern"], note["digest"])
    shown = show_node(owner, of) if isinstance(owner, bpy.types.NodeTree) else _show_image(owner)
    work = Work(owner, plate=of, version=version, frames=note["frames"], shown=shown)
    work.begin(link.current().restored(note["job"]))
    return work


def ready(owner: Any, of: plate.Plate, frame: int) -> bool:
    """Whether a node has a plate's frame, of the settings and the plate as they are; it then shows that version.

    Another Blender may have made it: one of a farm, or one that closed without a save.
    """
    version = shots.pick(owner, of, [frame])
    if not (version.current(of, frame) and os.path.isfile(frame_file(version.host_pattern, frame))):
        return False
    state = owner.vfx_swap
    if state.result != version.pattern:
        state.result, state.digest, state.version = version.pattern, version.digest, version.number
        show_node(owner, of)(version, [frame])
    return True


def out_of_date(owner: Any) -> bool:
    """Whether the result in use was made with other settings, or of another plate; its files are not looked at."""
    state = owner.vfx_swap
    if not state.result or isinstance(owner, bpy.types.Scene):
        return False
    try:
        if isinstance(owner, bpy.types.Image):
            of = plate.of_image(owner, _WHOLE)
        else:
            of = plate.of_node(node.owner_tree(owner)[2]) or remembered_plate(owner)
        return of is None or shots.digest(owner, of) != state.digest
    except Refused:
        return True


def remembered_plate(owner: Any) -> plate.Plate:
    """The plate that Render Range rendered for a node.

    Raises:
        Refused: there is no folder.
    """
    return plate.of_range(shots.folder_of(owner), shots.name_of(owner))


class _Whole:
    """An image's user where nothing trims it."""

    frame_start, frame_offset, frame_duration, use_cyclic = 1, 0, 1 << 20, False


_WHOLE = _Whole()


def _range(owner: Any, scene: Any) -> tuple[int, int]:
    state = owner.vfx_swap
    return (state.first, state.last) if state.own_range else (scene.frame_start, scene.frame_end)


def _in_range(owner: Any, of: plate.Plate, scene: Any) -> list[int]:
    """An image's frames: all there are, or those of its own range."""
    have = of.on_disk() if of.kind != "MOVIE" else list(range(1, owner.frame_duration + 1))
    first, last = _range(owner, scene)
    return [one for one in have if first <= one <= last] if owner.vfx_swap.own_range else have


def _rendered_plate(owner: Any, *, scene: Any, tree: Any, one: Any) -> plate.Plate:
    """What other nodes make of the plate, rendered to files; frames whose files are there are rendered again."""
    of = remembered_plate(owner)
    first, last = _range(owner, scene)
    plate.render_frames(scene, tree, one, of, range(first, last + 1))
    return of


def show_node(owner: Any, of: plate.Plate) -> Shown:
    """What lets a node show the frames of a work that ends; the node may be gone by then."""
    name = owner.name

    def shown(version: shots.Version, frames: list[int]) -> None:
        tree = bpy.data.node_groups.get(name)
        if tree is not None:
            result_tree.show(tree, version.host_pattern, of, frames[0])

    return shown


def _show_image(owner: Any) -> Shown:
    name = owner.name

    def shown(version: shots.Version, frames: list[int]) -> None:
        from_image = bpy.data.images.get(name)
        path = version.file(frames[0])
        image = bpy.data.images.load(path, check_existing=True)
        if from_image is not None:
            image.source = "SEQUENCE" if len(frames) > 1 or "#" in version.pattern else "FILE"
            image.colorspace_settings.name = from_image.colorspace_settings.name
        image.reload()
        for area in compat.areas("IMAGE_EDITOR"):
            if area.spaces.active.image == from_image:
                area.spaces.active.image = image

    return shown
