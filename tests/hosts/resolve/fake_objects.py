"""What a fake Resolve's timelines hold: media, clips, compositions; and the traps that it is asked to behave by."""

from __future__ import annotations

import itertools
import os
from dataclasses import dataclass, field
from typing import Any

from tests.hosts.resolve.stub import Bounded

__all__ = ["FakeComp", "FakeItem", "FakeMedia", "FakeTimeline", "FakeTool", "State", "Traps", "next_id"]

_IDS = itertools.count(1)


def next_id() -> int:
    """A number that nothing else has."""
    return next(_IDS)


@dataclass
class Traps:
    """How this Resolve behaves."""

    says: Any = None
    """What setters return, whether they worked or not."""
    takes: str = "work"
    """`work`; `refused`: no take is added; `bare`: added, shown from the media's first frame."""
    end_inclusive: bool = False
    """Whether `endFrame` is the last frame or the one after it."""
    from_file_number: bool = False
    """Whether a sequence's first frame is its file number, not 0."""
    places: bool = True
    """False: AppendToTimeline places nothing, and returns an item all the same."""
    source_off: int = 0
    """By how much GetSourceStartFrame is off."""
    imports: bool = True
    new_tracks: bool = True
    frame_drop: int = 0
    """Frames that a render leaves out."""
    render_fails: str = ""
    forgets: str = ""
    """A render setting that is dropped silently."""
    import_presets: bool = True
    keeps_markers: bool = True
    properties_stick: bool = True


@dataclass
class State:
    """What all objects of one Resolve share."""

    traps: Traps
    page: str = "edit"
    rendering: int = 0
    log: list[str] = field(default_factory=list)


class FakeMedia(Bounded):
    STUB = "MediaPoolItem"

    def __init__(self, state: State, properties: dict[str, str], *, first: int, count: int) -> None:
        self.state, self.properties, self.first, self.count = state, dict(properties), first, count
        self.id = f"media{next_id()}"
        self.third: dict[str, str] = {}

    def GetUniqueId(self) -> str:
        return self.id

    def GetMediaId(self) -> str:
        return f"{self.id}m"

    def GetName(self) -> str:
        return os.path.basename(self.properties["File Path"])

    def GetClipProperty(self, propertyName: Any) -> Any:
        return self.properties.get(propertyName, "")

    def SetClipProperty(self, propertyName: str, propertyValue: Any) -> Any:
        if self.state.traps.properties_stick:
            self.properties[propertyName] = propertyValue
        return self.state.traps.says

    def SetThirdPartyMetadata(self, metadataType: Any, metadataValue: str = "") -> Any:
        self.third[metadataType] = metadataValue
        return self.state.traps.says

    def GetThirdPartyMetadata(self, metadataType: Any = None) -> Any:
        return self.third.get(metadataType, "")


class FakeItem(Bounded):
    STUB = "TimelineItem"

    def __init__(
        self,
        state: State,
        media: FakeMedia | None,
        *,
        start: int,
        duration: int,
        left: int,
        track: int,
        speed: float = 1.0,
    ) -> None:
        self.state, self.start, self.duration, self.track, self.speed = state, start, duration, track, speed
        self.shown: list[tuple[FakeMedia | None, int]] = [(media, left)]
        self.selected, self.id = 0, f"item{next_id()}"
        self.flags: list[str] = []
        self.markers: dict[float, dict[str, Any]] = {}
        self.placed = True
        self.comps: list[FakeComp] = []

    @property
    def media(self) -> FakeMedia | None:
        return self.shown[max(0, self.selected - 1)][0]

    @property
    def left(self) -> int:
        return self.shown[max(0, self.selected - 1)][1]

    def GetUniqueId(self) -> str:
        return self.id

    def GetName(self) -> str:
        return "sh010" if self.media is None else self.media.GetName().split(".")[0]

    def GetStart(self, subframe_precision: bool) -> Any:
        return self.start if self.placed else None

    def GetEnd(self, subframe_precision: bool) -> Any:
        return self.start + self.duration if self.placed else None  # exclusive

    def GetDuration(self, subframe_precision: bool) -> Any:
        return self.duration if self.placed else None

    def GetLeftOffset(self, subframe_precision: bool) -> Any:
        return self.left

    def GetRightOffset(self, subframe_precision: bool) -> Any:
        return 0 if self.media is None else self.media.count - self.left - round(self.duration * self.speed)

    def GetSourceStartFrame(self) -> int:
        return self.left + self.state.traps.source_off

    def GetSourceEndFrame(self) -> int:
        return self.left + round(self.duration * self.speed) - 1

    def GetMediaPoolItem(self) -> Any:
        return self.media

    def GetTrackTypeAndIndex(self) -> Any:
        return ("video", self.track)

    def GetFlagList(self) -> Any:
        return self.flags or None

    def GetTakesCount(self) -> int:
        return len(self.shown) if len(self.shown) > 1 else 0

    def GetSelectedTakeIndex(self) -> int:
        return self.selected

    def AddTake(self, mediaPoolItem: Any, startFrame: Any, endFrame: Any) -> Any:
        if self.state.traps.takes != "refused":
            left = startFrame - (mediaPoolItem.first if self.state.traps.from_file_number else 0)
            self.shown.append((mediaPoolItem, 0 if self.state.traps.takes == "bare" else left))
            self.selected = self.selected or 1
        return self.state.traps.says

    def SelectTakeByIndex(self, idx: int) -> Any:
        if 1 <= idx <= len(self.shown):
            self.selected = idx
        return self.state.traps.says

    def DeleteTakeByIndex(self, idx: int) -> Any:
        if len(self.shown) > 1 and 1 <= idx <= len(self.shown):
            del self.shown[idx - 1]
            self.selected = min(self.selected, len(self.shown)) if len(self.shown) > 1 else 0
        return self.state.traps.says

    def AddMarker(self, frameId: float, color: str, name: str, note: str, duration: float, customData: Any) -> Any:
        if frameId not in self.markers and self.state.traps.keeps_markers:
            self.markers[frameId] = {"color": color, "name": name, "note": note, "customData": customData}
        return self.state.traps.says

    def GetMarkers(self) -> Any:
        return dict(self.markers)

    def UpdateMarkerCustomData(self, frameId: float, customData: str) -> Any:
        if frameId in self.markers:
            self.markers[frameId]["customData"] = customData
        return self.state.traps.says

    def DeleteMarkerAtFrame(self, frameNum: float) -> Any:
        self.markers.pop(frameNum, None)
        return self.state.traps.says

    def GetFusionCompCount(self) -> int:
        return len(self.comps)

    def GetFusionCompByIndex(self, compIndex: int) -> Any:
        return self.comps[compIndex - 1]

    def AddFusionComp(self) -> Any:
        self.comps.append(FakeComp())
        return self.comps[-1]


class FakeComp:
    """A Fusion composition, of which the stub knows nothing: what Fusion's scripting manual says of one."""

    def __init__(self) -> None:
        self.tools: list[FakeTool] = []
        self.locked = 0
        self.deaf = False

    def Lock(self) -> None:
        self.locked += 1

    def Unlock(self) -> None:
        self.locked -= 1

    def AddTool(self, kind: str, x: int, y: int) -> Any:
        assert self.locked
        self.tools.append(FakeTool(kind, deaf=self.deaf))
        return self.tools[-1]


class FakeTool:
    """A tool with inputs."""

    def __init__(self, kind: str, *, deaf: bool) -> None:
        self.kind, self.deaf = kind, deaf
        self.inputs: dict[str, Any] = {}
        self.attributes: dict[str, Any] = {}

    def SetAttrs(self, attributes: dict[str, Any]) -> None:
        self.attributes.update(attributes)

    def SetInput(self, name: str, value: Any) -> None:
        if not self.deaf:
            self.inputs[name] = value

    def GetInput(self, name: str) -> Any:
        return self.inputs.get(name)


class FakeTimeline(Bounded):
    STUB = "Timeline"

    def __init__(self, state: State, name: str, *, fps: str = "24.0") -> None:
        self.state, self.name, self.fps = state, name, fps
        self.tracks: list[list[FakeItem]] = [[]]
        self.enabled, self.names, self.locked = [True], ["Video 1"], [False]
        self.current: FakeItem | None = None

    def GetName(self) -> str:
        return self.name

    def GetSetting(self, settingName: str) -> str:
        return self.fps if settingName == "timelineFrameRate" else ""

    def GetTrackCount(self, trackType: str) -> int:
        return len(self.tracks) if trackType == "video" else 0

    def GetItemListInTrack(self, trackType: str, index: int) -> Any:
        return list(self.tracks[index - 1]) or None

    def GetCurrentVideoItem(self) -> Any:
        return self.current

    def GetIsTrackEnabled(self, trackType: str, trackIndex: int) -> bool:
        return self.enabled[trackIndex - 1]

    def SetTrackEnable(self, trackType: str, trackIndex: int, Bool: bool) -> Any:
        if not self.locked[trackIndex - 1]:
            self.enabled[trackIndex - 1] = Bool
        return self.state.traps.says

    def GetIsTrackLocked(self, trackType: str, trackIndex: int) -> bool:
        return self.locked[trackIndex - 1]

    def GetTrackName(self, trackType: str, trackIndex: int) -> str:
        return self.names[trackIndex - 1]

    def SetTrackName(self, trackType: str, trackIndex: int, name: str) -> Any:
        self.names[trackIndex - 1] = name
        return self.state.traps.says

    def AddTrack(self, trackType: str, subTrackType: Any) -> Any:
        if self.state.traps.new_tracks:
            self.tracks.append([])
            self.enabled.append(True)
            self.locked.append(False)
            self.names.append(f"Video {len(self.tracks)}")
        return self.state.traps.says

    def DeleteTrack(self, trackType: str, trackIndex: int) -> Any:
        for rows in (self.tracks, self.enabled, self.names, self.locked):
            del rows[trackIndex - 1]
        return self.state.traps.says

    def DeleteClips(self, timelineItems: list[Any], Bool: bool) -> Any:
        if self.state.page == "edit":  # on other pages it says True and does nothing
            for track in self.tracks:
                track[:] = [one for one in track if one not in timelineItems]
        return True
