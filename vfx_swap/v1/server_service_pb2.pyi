from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class GetServerInfoRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetServerInfoResponse(_message.Message):
    __slots__ = ("version", "protocols", "devices", "limits", "shared_memory", "roots", "who", "roles", "draining")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    PROTOCOLS_FIELD_NUMBER: _ClassVar[int]
    DEVICES_FIELD_NUMBER: _ClassVar[int]
    LIMITS_FIELD_NUMBER: _ClassVar[int]
    SHARED_MEMORY_FIELD_NUMBER: _ClassVar[int]
    ROOTS_FIELD_NUMBER: _ClassVar[int]
    WHO_FIELD_NUMBER: _ClassVar[int]
    ROLES_FIELD_NUMBER: _ClassVar[int]
    DRAINING_FIELD_NUMBER: _ClassVar[int]
    version: str
    protocols: _containers.RepeatedScalarFieldContainer[str]
    devices: _containers.RepeatedCompositeFieldContainer[Device]
    limits: Limits
    shared_memory: bool
    roots: _containers.RepeatedScalarFieldContainer[str]
    who: str
    roles: _containers.RepeatedScalarFieldContainer[str]
    draining: bool
    def __init__(self, version: _Optional[str] = ..., protocols: _Optional[_Iterable[str]] = ..., devices: _Optional[_Iterable[_Union[Device, _Mapping]]] = ..., limits: _Optional[_Union[Limits, _Mapping]] = ..., shared_memory: _Optional[bool] = ..., roots: _Optional[_Iterable[str]] = ..., who: _Optional[str] = ..., roles: _Optional[_Iterable[str]] = ..., draining: _Optional[bool] = ...) -> None: ...

class Device(_message.Message):
    __slots__ = ("name", "index", "memory_total_bytes", "memory_free_bytes", "load", "models", "queued", "running", "alive", "restarts")
    NAME_FIELD_NUMBER: _ClassVar[int]
    INDEX_FIELD_NUMBER: _ClassVar[int]
    MEMORY_TOTAL_BYTES_FIELD_NUMBER: _ClassVar[int]
    MEMORY_FREE_BYTES_FIELD_NUMBER: _ClassVar[int]
    LOAD_FIELD_NUMBER: _ClassVar[int]
    MODELS_FIELD_NUMBER: _ClassVar[int]
    QUEUED_FIELD_NUMBER: _ClassVar[int]
    RUNNING_FIELD_NUMBER: _ClassVar[int]
    ALIVE_FIELD_NUMBER: _ClassVar[int]
    RESTARTS_FIELD_NUMBER: _ClassVar[int]
    name: str
    index: int
    memory_total_bytes: int
    memory_free_bytes: int
    load: float
    models: _containers.RepeatedScalarFieldContainer[str]
    queued: int
    running: int
    alive: bool
    restarts: int
    def __init__(self, name: _Optional[str] = ..., index: _Optional[int] = ..., memory_total_bytes: _Optional[int] = ..., memory_free_bytes: _Optional[int] = ..., load: _Optional[float] = ..., models: _Optional[_Iterable[str]] = ..., queued: _Optional[int] = ..., running: _Optional[int] = ..., alive: _Optional[bool] = ..., restarts: _Optional[int] = ...) -> None: ...

class Limits(_message.Message):
    __slots__ = ("message_bytes", "chunk_bytes", "frame_pixels", "streams_per_client", "frames_in_flight", "jobs")
    MESSAGE_BYTES_FIELD_NUMBER: _ClassVar[int]
    CHUNK_BYTES_FIELD_NUMBER: _ClassVar[int]
    FRAME_PIXELS_FIELD_NUMBER: _ClassVar[int]
    STREAMS_PER_CLIENT_FIELD_NUMBER: _ClassVar[int]
    FRAMES_IN_FLIGHT_FIELD_NUMBER: _ClassVar[int]
    JOBS_FIELD_NUMBER: _ClassVar[int]
    message_bytes: int
    chunk_bytes: int
    frame_pixels: int
    streams_per_client: int
    frames_in_flight: int
    jobs: int
    def __init__(self, message_bytes: _Optional[int] = ..., chunk_bytes: _Optional[int] = ..., frame_pixels: _Optional[int] = ..., streams_per_client: _Optional[int] = ..., frames_in_flight: _Optional[int] = ..., jobs: _Optional[int] = ...) -> None: ...
