from vfx_swap.v1 import frame_service_pb2 as _frame_service_pb2
from vfx_swap.v1 import pixels_pb2 as _pixels_pb2
from vfx_swap.v1 import shot_pb2 as _shot_pb2
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class TrackPlateRequest(_message.Message):
    __slots__ = ("session", "frame", "chunk", "end")
    SESSION_FIELD_NUMBER: _ClassVar[int]
    FRAME_FIELD_NUMBER: _ClassVar[int]
    CHUNK_FIELD_NUMBER: _ClassVar[int]
    END_FIELD_NUMBER: _ClassVar[int]
    session: TrackSession
    frame: _pixels_pb2.FrameHeader
    chunk: _pixels_pb2.FrameChunk
    end: _pixels_pb2.FrameEnd
    def __init__(self, session: _Optional[_Union[TrackSession, _Mapping]] = ..., frame: _Optional[_Union[_pixels_pb2.FrameHeader, _Mapping]] = ..., chunk: _Optional[_Union[_pixels_pb2.FrameChunk, _Mapping]] = ..., end: _Optional[_Union[_pixels_pb2.FrameEnd, _Mapping]] = ...) -> None: ...

class TrackPlateResponse(_message.Message):
    __slots__ = ("ready", "progress", "tracks", "end")
    READY_FIELD_NUMBER: _ClassVar[int]
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    TRACKS_FIELD_NUMBER: _ClassVar[int]
    END_FIELD_NUMBER: _ClassVar[int]
    ready: TrackSessionReady
    progress: TrackProgress
    tracks: _frame_service_pb2.TracksChunk
    end: TracksEnd
    def __init__(self, ready: _Optional[_Union[TrackSessionReady, _Mapping]] = ..., progress: _Optional[_Union[TrackProgress, _Mapping]] = ..., tracks: _Optional[_Union[_frame_service_pb2.TracksChunk, _Mapping]] = ..., end: _Optional[_Union[TracksEnd, _Mapping]] = ...) -> None: ...

class TrackSession(_message.Message):
    __slots__ = ("plate", "frames", "colour_space", "missing", "frame_count", "output", "plate_digest", "priority")
    PLATE_FIELD_NUMBER: _ClassVar[int]
    FRAMES_FIELD_NUMBER: _ClassVar[int]
    COLOUR_SPACE_FIELD_NUMBER: _ClassVar[int]
    MISSING_FIELD_NUMBER: _ClassVar[int]
    FRAME_COUNT_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_FIELD_NUMBER: _ClassVar[int]
    PLATE_DIGEST_FIELD_NUMBER: _ClassVar[int]
    PRIORITY_FIELD_NUMBER: _ClassVar[int]
    plate: str
    frames: str
    colour_space: str
    missing: _shot_pb2.Missing
    frame_count: int
    output: str
    plate_digest: str
    priority: _frame_service_pb2.Priority
    def __init__(self, plate: _Optional[str] = ..., frames: _Optional[str] = ..., colour_space: _Optional[str] = ..., missing: _Optional[_Union[_shot_pb2.Missing, str]] = ..., frame_count: _Optional[int] = ..., output: _Optional[str] = ..., plate_digest: _Optional[str] = ..., priority: _Optional[_Union[_frame_service_pb2.Priority, str]] = ...) -> None: ...

class TrackSessionReady(_message.Message):
    __slots__ = ("window",)
    WINDOW_FIELD_NUMBER: _ClassVar[int]
    window: int
    def __init__(self, window: _Optional[int] = ...) -> None: ...

class TrackProgress(_message.Message):
    __slots__ = ("done", "total", "frame", "message", "warning")
    DONE_FIELD_NUMBER: _ClassVar[int]
    TOTAL_FIELD_NUMBER: _ClassVar[int]
    FRAME_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    WARNING_FIELD_NUMBER: _ClassVar[int]
    done: int
    total: int
    frame: int
    message: str
    warning: bool
    def __init__(self, done: _Optional[int] = ..., total: _Optional[int] = ..., frame: _Optional[int] = ..., message: _Optional[str] = ..., warning: _Optional[bool] = ...) -> None: ...

class TracksEnd(_message.Message):
    __slots__ = ("size", "sha256")
    SIZE_FIELD_NUMBER: _ClassVar[int]
    SHA256_FIELD_NUMBER: _ClassVar[int]
    size: int
    sha256: str
    def __init__(self, size: _Optional[int] = ..., sha256: _Optional[str] = ...) -> None: ...
