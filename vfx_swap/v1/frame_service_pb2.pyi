import datetime

from google.protobuf import duration_pb2 as _duration_pb2
from vfx_swap.v1 import pixels_pb2 as _pixels_pb2
from vfx_swap.v1 import shot_pb2 as _shot_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class FrameMode(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    FRAME_MODE_UNSPECIFIED: _ClassVar[FrameMode]
    FRAME_MODE_TRACKS: _ClassVar[FrameMode]
    FRAME_MODE_STILLS: _ClassVar[FrameMode]

class Priority(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    PRIORITY_UNSPECIFIED: _ClassVar[Priority]
    PRIORITY_BATCH: _ClassVar[Priority]
    PRIORITY_INTERACTIVE: _ClassVar[Priority]
FRAME_MODE_UNSPECIFIED: FrameMode
FRAME_MODE_TRACKS: FrameMode
FRAME_MODE_STILLS: FrameMode
PRIORITY_UNSPECIFIED: Priority
PRIORITY_BATCH: Priority
PRIORITY_INTERACTIVE: Priority

class ProcessFramesRequest(_message.Message):
    __slots__ = ("session", "tracks", "frame", "chunk", "end")
    SESSION_FIELD_NUMBER: _ClassVar[int]
    TRACKS_FIELD_NUMBER: _ClassVar[int]
    FRAME_FIELD_NUMBER: _ClassVar[int]
    CHUNK_FIELD_NUMBER: _ClassVar[int]
    END_FIELD_NUMBER: _ClassVar[int]
    session: FrameSession
    tracks: TracksChunk
    frame: _pixels_pb2.FrameHeader
    chunk: _pixels_pb2.FrameChunk
    end: _pixels_pb2.FrameEnd
    def __init__(self, session: _Optional[_Union[FrameSession, _Mapping]] = ..., tracks: _Optional[_Union[TracksChunk, _Mapping]] = ..., frame: _Optional[_Union[_pixels_pb2.FrameHeader, _Mapping]] = ..., chunk: _Optional[_Union[_pixels_pb2.FrameChunk, _Mapping]] = ..., end: _Optional[_Union[_pixels_pb2.FrameEnd, _Mapping]] = ...) -> None: ...

class ProcessFramesResponse(_message.Message):
    __slots__ = ("ready", "frame", "chunk", "end")
    READY_FIELD_NUMBER: _ClassVar[int]
    FRAME_FIELD_NUMBER: _ClassVar[int]
    CHUNK_FIELD_NUMBER: _ClassVar[int]
    END_FIELD_NUMBER: _ClassVar[int]
    ready: FrameSessionReady
    frame: _pixels_pb2.FrameResult
    chunk: _pixels_pb2.FrameChunk
    end: _pixels_pb2.FrameEnd
    def __init__(self, ready: _Optional[_Union[FrameSessionReady, _Mapping]] = ..., frame: _Optional[_Union[_pixels_pb2.FrameResult, _Mapping]] = ..., chunk: _Optional[_Union[_pixels_pb2.FrameChunk, _Mapping]] = ..., end: _Optional[_Union[_pixels_pb2.FrameEnd, _Mapping]] = ...) -> None: ...

class FrameSession(_message.Message):
    __slots__ = ("shot", "mode", "colour_space", "tracks_size", "priority", "lease_id")
    SHOT_FIELD_NUMBER: _ClassVar[int]
    MODE_FIELD_NUMBER: _ClassVar[int]
    COLOUR_SPACE_FIELD_NUMBER: _ClassVar[int]
    TRACKS_SIZE_FIELD_NUMBER: _ClassVar[int]
    PRIORITY_FIELD_NUMBER: _ClassVar[int]
    LEASE_ID_FIELD_NUMBER: _ClassVar[int]
    shot: _shot_pb2.Shot
    mode: FrameMode
    colour_space: str
    tracks_size: int
    priority: Priority
    lease_id: str
    def __init__(self, shot: _Optional[_Union[_shot_pb2.Shot, _Mapping]] = ..., mode: _Optional[_Union[FrameMode, str]] = ..., colour_space: _Optional[str] = ..., tracks_size: _Optional[int] = ..., priority: _Optional[_Union[Priority, str]] = ..., lease_id: _Optional[str] = ...) -> None: ...

class TracksChunk(_message.Message):
    __slots__ = ("data",)
    DATA_FIELD_NUMBER: _ClassVar[int]
    data: bytes
    def __init__(self, data: _Optional[bytes] = ...) -> None: ...

class FrameSessionReady(_message.Message):
    __slots__ = ("session_id", "window", "first_frames", "layers", "warnings")
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    WINDOW_FIELD_NUMBER: _ClassVar[int]
    FIRST_FRAMES_FIELD_NUMBER: _ClassVar[int]
    LAYERS_FIELD_NUMBER: _ClassVar[int]
    WARNINGS_FIELD_NUMBER: _ClassVar[int]
    session_id: str
    window: int
    first_frames: _containers.RepeatedScalarFieldContainer[int]
    layers: _containers.RepeatedScalarFieldContainer[str]
    warnings: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, session_id: _Optional[str] = ..., window: _Optional[int] = ..., first_frames: _Optional[_Iterable[int]] = ..., layers: _Optional[_Iterable[str]] = ..., warnings: _Optional[_Iterable[str]] = ...) -> None: ...

class AllocateFrameSlotsRequest(_message.Message):
    __slots__ = ("slot_size", "slots")
    SLOT_SIZE_FIELD_NUMBER: _ClassVar[int]
    SLOTS_FIELD_NUMBER: _ClassVar[int]
    slot_size: int
    slots: int
    def __init__(self, slot_size: _Optional[int] = ..., slots: _Optional[int] = ...) -> None: ...

class AllocateFrameSlotsResponse(_message.Message):
    __slots__ = ("lease_id", "path", "slot_size", "slots", "time_to_live")
    LEASE_ID_FIELD_NUMBER: _ClassVar[int]
    PATH_FIELD_NUMBER: _ClassVar[int]
    SLOT_SIZE_FIELD_NUMBER: _ClassVar[int]
    SLOTS_FIELD_NUMBER: _ClassVar[int]
    TIME_TO_LIVE_FIELD_NUMBER: _ClassVar[int]
    lease_id: str
    path: str
    slot_size: int
    slots: int
    time_to_live: _duration_pb2.Duration
    def __init__(self, lease_id: _Optional[str] = ..., path: _Optional[str] = ..., slot_size: _Optional[int] = ..., slots: _Optional[int] = ..., time_to_live: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class ReleaseFrameSlotsRequest(_message.Message):
    __slots__ = ("lease_id",)
    LEASE_ID_FIELD_NUMBER: _ClassVar[int]
    lease_id: str
    def __init__(self, lease_id: _Optional[str] = ...) -> None: ...

class ReleaseFrameSlotsResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...
