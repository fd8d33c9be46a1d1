"""A Resolve with the traps that were observed in it (docs/resolve.md), bounded by its published stub.

`Traps` says how this Resolve behaves: every one was seen in some version. By default it answers nothing but None where
a boolean would be, does what it was asked, and never says so.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.hosts.resolve.fake_objects import FakeItem, FakeMedia, FakeTimeline, State, Traps, next_id
from tests.hosts.resolve.stub import Bounded

__all__ = ["FakeItem", "FakeResolve", "FakeTimeline", "Traps", "item_on", "media_of"]


class FakeFolder(Bounded):
    STUB = "Folder"

    def __init__(self, name: str) -> None:
        self.name, self.id = name, f"folder{next_id()}"
        self.clips: list[FakeMedia] = []
        self.below: list[FakeFolder] = []

    def GetName(self) -> str:
        return self.name

    def GetUniqueId(self) -> str:
        return self.id

    def GetClipList(self) -> Any:
        return list(self.clips)

    def GetSubFolderList(self) -> Any:
        return list(self.below) or None


class FakePool(Bounded):
    STUB = "MediaPool"

    def __init__(self, project: FakeProject) -> None:
        self.project, self.state = project, project.state
        self.root = self.current = FakeFolder("Master")
        self.doubtful: list[FakeItem] = []

    def GetRootFolder(self) -> FakeFolder:
        return self.root

    def AddSubFolder(self, folder: FakeFolder, name: str) -> Any:
        folder.below.append(FakeFolder(name))
        return self.state.traps.says

    def GetCurrentFolder(self) -> FakeFolder:
        return self.current

    def SetCurrentFolder(self, folder: FakeFolder) -> Any:
        self.current = folder
        return self.state.traps.says

    def ImportMedia(self, items: list[Any]) -> Any:
        """Into the current bin, wherever the caller thinks it is."""
        for one in items if self.state.traps.imports else []:
            self.current.clips.append(_imported(self.state, one))
        return None

    def DeleteClips(self, clips: list[Any]) -> Any:
        for folder in (self.root, *self.root.below):
            folder.clips = [one for one in folder.clips if one not in clips]
        return self.state.traps.says

    def AppendToTimeline(self, clip1: Any, *args: Any) -> Any:
        infos, timeline = list(clip1), self.project.timeline
        made = []
        for info in infos:
            item = self._item(info, timeline)
            track = timeline.tracks[info["trackIndex"] - 1]
            clash = any(
                one.start < item.start + item.duration and item.start < one.start + one.duration for one in track
            )
            item.placed = self.state.traps.places and not clash
            if item.placed:
                track.append(item)
            made.append(item)
        if not all(one.placed for one in made):
            self.doubtful += [one for one in made if one.placed]  # gone when the project is saved
        return made  # an item each, placed or not

    def _item(self, info: dict[str, Any], timeline: FakeTimeline) -> FakeItem:
        traps, media = self.state.traps, info["mediaPoolItem"]
        left = info["startFrame"] - (media.first if traps.from_file_number else 0)
        duration = info["endFrame"] - info["startFrame"] + int(traps.end_inclusive)
        if not 0 <= left < media.count:
            left = 0
        own, theirs = float(media.properties.get("FPS") or timeline.fps), float(timeline.fps)
        duration = math.floor(duration * theirs / own)
        return FakeItem(
            self.state, media, start=info["recordFrame"], duration=duration, left=left, track=info["trackIndex"]
        )

    def ImportTimelineFromFile(self, filePath: str, importOptions: Any) -> Any:
        name = importOptions["timelineName"]
        if any(one.name == name for one in self.project.timelines) or not importOptions["importSourceClips"]:
            return None
        self.project.timelines.append(FakeTimeline(self.state, name))
        return self.project.timelines[-1]


def _imported(state: State, one: Any) -> FakeMedia:
    if isinstance(one, str):
        return FakeMedia(state, {"File Path": one, "FPS": "24"}, first=1, count=1)
    first, last = one["StartIndex"], one["EndIndex"]
    frames = [number for number in range(first, last + 1) if Path(one["FilePath"] % number).is_file()]
    name = re.sub(r"%0?\d*d", f"[{first}-{last}]", one["FilePath"])
    properties = {"File Path": name, "FPS": "25", "Frames": str(len(frames)), "Input Color Space": "Project"}
    return FakeMedia(state, properties, first=first, count=len(frames))


class FakeProject(Bounded):
    STUB = "Project"

    def __init__(self, state: State) -> None:
        self.state = state
        self.timelines = [FakeTimeline(state, "edit")]
        self.timeline = self.timelines[0]
        self.pool = FakePool(self)
        self.presets = {"VfxSwap Plate": "<Preset><NumFramesOfHandles>0</NumFramesOfHandles></Preset>"}
        self.format, self.loaded = {"format": "mov", "codec": "h264"}, ""
        self.settings: dict[str, Any] = {"MarkIn": 0, "MarkOut": 999999, "TargetDir": "/nowhere"}
        self.mode = 1
        self.jobs: dict[str, dict[str, Any]] = {}
        self.seen_enabled: list[list[bool]] = []
        self.write_frame: Callable[[Path], Any] = lambda path: path.write_bytes(b"exr")

    def GetMediaPool(self) -> FakePool:
        return self.pool

    def GetCurrentTimeline(self) -> Any:
        return self.timeline

    def GetTimelineCount(self) -> int:
        return len(self.timelines)

    def GetTimelineByIndex(self, idx: int) -> Any:
        return self.timelines[idx - 1]

    def GetRenderPresetList(self) -> Any:
        return [*self.presets]

    def LoadRenderPreset(self, presetName: str) -> Any:
        if presetName in self.presets:
            self.loaded, self.format = presetName, {"format": "exr", "codec": "RGBHalf"}
        return self.state.traps.says

    def GetCurrentRenderFormatAndCodec(self) -> Any:
        return dict(self.format)

    def GetCurrentRenderMode(self) -> int:
        return self.mode

    def SetCurrentRenderMode(self, renderMode: int) -> Any:
        self.mode = renderMode
        return self.state.traps.says

    def SetRenderSettings(self, settings: dict[str, Any]) -> Any:
        """Over what is there, so that what is not named stays from before."""
        self.settings.update({key: value for key, value in settings.items() if key != self.state.traps.forgets})
        return self.state.traps.says

    def AddRenderJob(self) -> str:
        job = f"job{next_id()}"
        self.jobs[job] = {"JobId": job, "preset": self.loaded, **self.settings}
        return job

    def GetRenderJobList(self) -> Any:
        return list(self.jobs.values())

    def StartRendering(self, jobIds: Any, isInteractiveMode: bool = False) -> Any:
        self.seen_enabled.append(list(self.timeline.enabled))
        for job in jobIds:
            self._render(self.jobs[job])
        self.state.rendering = 2
        return self.state.traps.says

    def _render(self, job: dict[str, Any]) -> None:
        if self.state.traps.render_fails:
            job["status"] = {"JobStatus": "Failed", "Error": self.state.traps.render_fails}
            return
        handles = int(re.findall(r"<NumFramesOfHandles>(\d+)<", self.presets[job["preset"]])[0])
        count = job["MarkOut"] - job["MarkIn"] + 1 + 2 * handles - self.state.traps.frame_drop
        for number in range(86400, 86400 + count):
            self.write_frame(Path(job["TargetDir"]) / f"{job['CustomName']}{number:08d}.exr")
        job["status"] = {"JobStatus": "Complete", "CompletionPercentage": 100}

    def IsRenderingInProgress(self) -> bool:
        self.state.rendering -= 1
        return self.state.rendering > 0

    def GetRenderJobStatus(self, jobId: Any) -> Any:
        return self.jobs[jobId].get("status", {})

    def DeleteRenderJob(self, jobId: str) -> Any:
        self.jobs.pop(jobId, None)
        return self.state.traps.says


class FakeManager(Bounded):
    STUB = "ProjectManager"

    def __init__(self, project: FakeProject) -> None:
        self.project = project

    def GetCurrentProject(self) -> Any:
        return self.project

    def SaveProject(self) -> Any:
        for track in self.project.timeline.tracks:
            track[:] = [one for one in track if one not in self.project.pool.doubtful]
        return self.project.state.traps.says


class FakeResolve(Bounded):
    STUB = "Resolve"

    def __init__(self, traps: Traps | None = None) -> None:
        self.state = State(traps or Traps())
        self.project = FakeProject(self.state)
        self.manager = FakeManager(self.project)
        self.product = "DaVinci Resolve Studio"

    def GetProjectManager(self) -> FakeManager:
        return self.manager

    def GetCurrentPage(self) -> str:
        return self.state.page

    def OpenPage(self, pageName: str) -> Any:
        self.state.page = pageName
        return self.state.traps.says

    def GetProductName(self) -> str:
        return self.product

    def ExportRenderPreset(self, presetName: str, exportPath: str) -> Any:
        Path(exportPath).write_text(self.project.presets[presetName], encoding="utf-8")
        return self.state.traps.says

    def ImportRenderPreset(self, presetPath: str) -> Any:
        if self.state.traps.import_presets:
            self.project.presets[Path(presetPath).stem] = Path(presetPath).read_text(encoding="utf-8")
        return self.state.traps.says


def media_of(resolve: FakeResolve, folder: Path, first: int, count: int, **properties: str) -> FakeMedia:
    """A sequence in the pool."""
    path = f"{folder}/plate.[{first:04d}-{first + count - 1:04d}].exr"
    known = {"File Path": path, "FPS": "24.0", "Frames": str(count), "Input Color Space": "ACEScg", **properties}
    made = FakeMedia(resolve.state, known, first=first, count=count)
    resolve.project.pool.root.clips.append(made)
    return made


def item_on(
    resolve: FakeResolve,
    media: FakeMedia | None,
    *,
    start: int,
    duration: int,
    left: int,
    track: int = 1,
    speed: float = 1.0,
) -> FakeItem:
    """A clip in the timeline, under the playhead."""
    timeline = resolve.project.timeline
    while len(timeline.tracks) < track:
        timeline.AddTrack("video", {"index": len(timeline.tracks) + 1})
    item = FakeItem(resolve.state, media, start=start, duration=duration, left=left, track=track, speed=speed)
    timeline.tracks[track - 1].append(item)
    timeline.current = item
    return item
