from vfx_swap.v1 import frame_service_pb2 as _frame_service_pb2
from vfx_swap.v1 import pixels_pb2 as _pixels_pb2
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ParseFramesRequest(_message.Message):
    __slots__ = ("session", "tracks", "frame", "chunk", "end")
    SESSION_FIELD_NUMBER: _ClassVar[int]
    TRACKS_FIELD_NUMBER: _ClassVar[int]
    FRAME_FIELD_NUMBER: _ClassVar[int]
    CHUNK_FIELD_NUMBER: _ClassVar[int]
    END_FIELD_NUMBER: _ClassVar[int]
    session: ParseSession
    tracks: _frame_service_pb2.TracksChunk
    frame: _pixels_pb2.FrameHeader
    chunk: _pixels_pb2.FrameChunk
    end: _pixels_pb2.FrameEnd
    def __init__(self, session: _Optional[_Union[ParseSession, _Mapping]] = ..., tracks: _Optional[_Union[_frame_service_pb2.TracksChunk, _Mapping]] = ..., frame: _Optional[_Union[_pixels_pb2.FrameHeader, _Mapping]] = ..., chunk: _Optional[_Union[_pixels_pb2.FrameChunk, _Mapping]] = ..., end: _Optional[_Union[_pixels_pb2.FrameEnd, _Mapping]] = ...) -> None: ...

class ParseFramesResponse(_message.Message):
    __slots__ = ("ready", "frame", "chunk", "end")
    READY_FIELD_NUMBER: _ClassVar[int]
    FRAME_FIELD_NUMBER: _ClassVar[int]
    CHUNK_FIELD_NUMBER: _ClassVar[int]
    END_FIELD_NUMBER: _ClassVar[int]
    ready: _frame_service_pb2.FrameSessionReady
    frame: _pixels_pb2.FrameResult
    chunk: _pixels_pb2.FrameChunk
    end: _pixels_pb2.FrameEnd
    def __init__(self, ready: _Optional[_Union[_frame_service_pb2.FrameSessionReady, _Mapping]] = ..., frame: _Optional[_Union[_pixels_pb2.FrameResult, _Mapping]] = ..., chunk: _Optional[_Union[_pixels_pb2.FrameChunk, _Mapping]] = ..., end: _Optional[_Union[_pixels_pb2.FrameEnd, _Mapping]] = ...) -> None: ...

class ParseSession(_message.Message):
    __slots__ = ("name", "parser", "cryptomatte", "mode", "colour_space", "tracks_size", "priority", "lease_id")
    NAME_FIELD_NUMBER: _ClassVar[int]
    PARSER_FIELD_NUMBER: _ClassVar[int]
    CRYPTOMATTE_FIELD_NUMBER: _ClassVar[int]
    MODE_FIELD_NUMBER: _ClassVar[int]
    COLOUR_SPACE_FIELD_NUMBER: _ClassVar[int]
    TRACKS_SIZE_FIELD_NUMBER: _ClassVar[int]
    PRIORITY_FIELD_NUMBER: _ClassVar[int]
    LEASE_ID_FIELD_NUMBER: _ClassVar[int]
    name: str
    parser: str
    cryptomatte: bool
    mode: _frame_service_pb2.FrameMode
    colour_space: str
    tracks_size: int
    priority: _frame_service_pb2.Priority
    lease_id: str
    def __init__(self, name: _Optional[str] = ..., parser: _Optional[str] = ..., cryptomatte: _Optional[bool] = ..., mode: _Optional[_Union[_frame_service_pb2.FrameMode, str]] = ..., colour_space: _Optional[str] = ..., tracks_size: _Optional[int] = ..., priority: _Optional[_Union[_frame_service_pb2.Priority, str]] = ..., lease_id: _Optional[str] = ...) -> None: ...
