from google.protobuf import empty_pb2 as _empty_pb2
from google.rpc import status_pb2 as _status_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class PixelType(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    PIXEL_TYPE_UNSPECIFIED: _ClassVar[PixelType]
    PIXEL_TYPE_HALF: _ClassVar[PixelType]
    PIXEL_TYPE_FLOAT: _ClassVar[PixelType]
    PIXEL_TYPE_UINT8: _ClassVar[PixelType]
    PIXEL_TYPE_UINT16: _ClassVar[PixelType]
PIXEL_TYPE_UNSPECIFIED: PixelType
PIXEL_TYPE_HALF: PixelType
PIXEL_TYPE_FLOAT: PixelType
PIXEL_TYPE_UINT8: PixelType
PIXEL_TYPE_UINT16: PixelType

class Window(_message.Message):
    __slots__ = ("x", "y", "width", "height")
    X_FIELD_NUMBER: _ClassVar[int]
    Y_FIELD_NUMBER: _ClassVar[int]
    WIDTH_FIELD_NUMBER: _ClassVar[int]
    HEIGHT_FIELD_NUMBER: _ClassVar[int]
    x: int
    y: int
    width: int
    height: int
    def __init__(self, x: _Optional[int] = ..., y: _Optional[int] = ..., width: _Optional[int] = ..., height: _Optional[int] = ...) -> None: ...

class FrameHeader(_message.Message):
    __slots__ = ("frame", "data_window", "display_window", "pixel_type", "path", "slot", "inline")
    FRAME_FIELD_NUMBER: _ClassVar[int]
    DATA_WINDOW_FIELD_NUMBER: _ClassVar[int]
    DISPLAY_WINDOW_FIELD_NUMBER: _ClassVar[int]
    PIXEL_TYPE_FIELD_NUMBER: _ClassVar[int]
    PATH_FIELD_NUMBER: _ClassVar[int]
    SLOT_FIELD_NUMBER: _ClassVar[int]
    INLINE_FIELD_NUMBER: _ClassVar[int]
    frame: int
    data_window: Window
    display_window: Window
    pixel_type: PixelType
    path: PathPixels
    slot: SlotPixels
    inline: InlinePixels
    def __init__(self, frame: _Optional[int] = ..., data_window: _Optional[_Union[Window, _Mapping]] = ..., display_window: _Optional[_Union[Window, _Mapping]] = ..., pixel_type: _Optional[_Union[PixelType, str]] = ..., path: _Optional[_Union[PathPixels, _Mapping]] = ..., slot: _Optional[_Union[SlotPixels, _Mapping]] = ..., inline: _Optional[_Union[InlinePixels, _Mapping]] = ...) -> None: ...

class PathPixels(_message.Message):
    __slots__ = ("path",)
    PATH_FIELD_NUMBER: _ClassVar[int]
    path: str
    def __init__(self, path: _Optional[str] = ...) -> None: ...

class SlotPixels(_message.Message):
    __slots__ = ("lease_id", "slot", "sequence", "offset", "size")
    LEASE_ID_FIELD_NUMBER: _ClassVar[int]
    SLOT_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    OFFSET_FIELD_NUMBER: _ClassVar[int]
    SIZE_FIELD_NUMBER: _ClassVar[int]
    lease_id: str
    slot: int
    sequence: int
    offset: int
    size: int
    def __init__(self, lease_id: _Optional[str] = ..., slot: _Optional[int] = ..., sequence: _Optional[int] = ..., offset: _Optional[int] = ..., size: _Optional[int] = ...) -> None: ...

class InlinePixels(_message.Message):
    __slots__ = ("size",)
    SIZE_FIELD_NUMBER: _ClassVar[int]
    size: int
    def __init__(self, size: _Optional[int] = ...) -> None: ...

class FrameChunk(_message.Message):
    __slots__ = ("frame", "plane", "offset", "data")
    FRAME_FIELD_NUMBER: _ClassVar[int]
    PLANE_FIELD_NUMBER: _ClassVar[int]
    OFFSET_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    frame: int
    plane: int
    offset: int
    data: bytes
    def __init__(self, frame: _Optional[int] = ..., plane: _Optional[int] = ..., offset: _Optional[int] = ..., data: _Optional[bytes] = ...) -> None: ...

class FrameEnd(_message.Message):
    __slots__ = ("frame", "crc32c")
    FRAME_FIELD_NUMBER: _ClassVar[int]
    CRC32C_FIELD_NUMBER: _ClassVar[int]
    frame: int
    crc32c: int
    def __init__(self, frame: _Optional[int] = ..., crc32c: _Optional[int] = ...) -> None: ...

class Plane(_message.Message):
    __slots__ = ("name", "channels", "pixel_type", "slot", "inline")
    NAME_FIELD_NUMBER: _ClassVar[int]
    CHANNELS_FIELD_NUMBER: _ClassVar[int]
    PIXEL_TYPE_FIELD_NUMBER: _ClassVar[int]
    SLOT_FIELD_NUMBER: _ClassVar[int]
    INLINE_FIELD_NUMBER: _ClassVar[int]
    name: str
    channels: int
    pixel_type: PixelType
    slot: SlotPixels
    inline: InlinePixels
    def __init__(self, name: _Optional[str] = ..., channels: _Optional[int] = ..., pixel_type: _Optional[_Union[PixelType, str]] = ..., slot: _Optional[_Union[SlotPixels, _Mapping]] = ..., inline: _Optional[_Union[InlinePixels, _Mapping]] = ...) -> None: ...

class Metric(_message.Message):
    __slots__ = ("name", "number", "text")
    NAME_FIELD_NUMBER: _ClassVar[int]
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    name: str
    number: float
    text: str
    def __init__(self, name: _Optional[str] = ..., number: _Optional[float] = ..., text: _Optional[str] = ...) -> None: ...

class FrameDone(_message.Message):
    __slots__ = ("window", "planes", "metrics", "header", "settings_digest", "output", "warnings", "timings")
    class HeaderEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    WINDOW_FIELD_NUMBER: _ClassVar[int]
    PLANES_FIELD_NUMBER: _ClassVar[int]
    METRICS_FIELD_NUMBER: _ClassVar[int]
    HEADER_FIELD_NUMBER: _ClassVar[int]
    SETTINGS_DIGEST_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_FIELD_NUMBER: _ClassVar[int]
    WARNINGS_FIELD_NUMBER: _ClassVar[int]
    TIMINGS_FIELD_NUMBER: _ClassVar[int]
    window: Window
    planes: _containers.RepeatedCompositeFieldContainer[Plane]
    metrics: _containers.RepeatedCompositeFieldContainer[Metric]
    header: _containers.ScalarMap[str, str]
    settings_digest: str
    output: str
    warnings: _containers.RepeatedScalarFieldContainer[str]
    timings: Timings
    def __init__(self, window: _Optional[_Union[Window, _Mapping]] = ..., planes: _Optional[_Iterable[_Union[Plane, _Mapping]]] = ..., metrics: _Optional[_Iterable[_Union[Metric, _Mapping]]] = ..., header: _Optional[_Mapping[str, str]] = ..., settings_digest: _Optional[str] = ..., output: _Optional[str] = ..., warnings: _Optional[_Iterable[str]] = ..., timings: _Optional[_Union[Timings, _Mapping]] = ...) -> None: ...

class Timings(_message.Message):
    __slots__ = ("queue_seconds", "decode_seconds", "infer_seconds", "encode_seconds", "batch_size", "device")
    QUEUE_SECONDS_FIELD_NUMBER: _ClassVar[int]
    DECODE_SECONDS_FIELD_NUMBER: _ClassVar[int]
    INFER_SECONDS_FIELD_NUMBER: _ClassVar[int]
    ENCODE_SECONDS_FIELD_NUMBER: _ClassVar[int]
    BATCH_SIZE_FIELD_NUMBER: _ClassVar[int]
    DEVICE_FIELD_NUMBER: _ClassVar[int]
    queue_seconds: float
    decode_seconds: float
    infer_seconds: float
    encode_seconds: float
    batch_size: int
    device: str
    def __init__(self, queue_seconds: _Optional[float] = ..., decode_seconds: _Optional[float] = ..., infer_seconds: _Optional[float] = ..., encode_seconds: _Optional[float] = ..., batch_size: _Optional[int] = ..., device: _Optional[str] = ...) -> None: ...

class FrameResult(_message.Message):
    __slots__ = ("frame", "done", "error", "seen")
    FRAME_FIELD_NUMBER: _ClassVar[int]
    DONE_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    SEEN_FIELD_NUMBER: _ClassVar[int]
    frame: int
    done: FrameDone
    error: _status_pb2.Status
    seen: _empty_pb2.Empty
    def __init__(self, frame: _Optional[int] = ..., done: _Optional[_Union[FrameDone, _Mapping]] = ..., error: _Optional[_Union[_status_pb2.Status, _Mapping]] = ..., seen: _Optional[_Union[_empty_pb2.Empty, _Mapping]] = ...) -> None: ...
