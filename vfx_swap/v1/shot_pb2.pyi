from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Missing(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    MISSING_UNSPECIFIED: _ClassVar[Missing]
    MISSING_ERROR: _ClassVar[Missing]
    MISSING_HOLD: _ClassVar[Missing]
    MISSING_BLACK: _ClassVar[Missing]

class Position(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    POSITION_UNSPECIFIED: _ClassVar[Position]
    POSITION_LARGEST: _ClassVar[Position]
    POSITION_LEFT: _ClassVar[Position]
    POSITION_RIGHT: _ClassVar[Position]
    POSITION_ALL: _ClassVar[Position]

class Match(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    MATCH_UNSPECIFIED: _ClassVar[Match]
    MATCH_PLATE: _ClassVar[Match]
    MATCH_NONE: _ClassVar[Match]

class MissingMatte(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    MISSING_MATTE_UNSPECIFIED: _ClassVar[MissingMatte]
    MISSING_MATTE_ERROR: _ClassVar[MissingMatte]
    MISSING_MATTE_HOLD: _ClassVar[MissingMatte]
    MISSING_MATTE_NONE: _ClassVar[MissingMatte]

class Holdout(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    HOLDOUT_UNSPECIFIED: _ClassVar[Holdout]
    HOLDOUT_HAIR: _ClassVar[Holdout]
    HOLDOUT_GLASSES: _ClassVar[Holdout]
    HOLDOUT_HAND: _ClassVar[Holdout]

class Runtime(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    RUNTIME_UNSPECIFIED: _ClassVar[Runtime]
    RUNTIME_DEFAULT: _ClassVar[Runtime]
    RUNTIME_TENSORRT: _ClassVar[Runtime]

class Layer(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    LAYER_UNSPECIFIED: _ClassVar[Layer]
    LAYER_MATTE: _ClassVar[Layer]
    LAYER_PATCH: _ClassVar[Layer]
    LAYER_STMAP: _ClassVar[Layer]
    LAYER_REGIONS: _ClassVar[Layer]
    LAYER_CRYPTOMATTE: _ClassVar[Layer]
    LAYER_UV: _ClassVar[Layer]
    LAYER_NORMALS: _ClassVar[Layer]
    LAYER_DEPTH: _ClassVar[Layer]
    LAYER_CONFIDENCE: _ClassVar[Layer]

class QcLimit(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    QC_LIMIT_UNSPECIFIED: _ClassVar[QcLimit]
    QC_LIMIT_DISTANCE_TO_IDENTITY: _ClassVar[QcLimit]
    QC_LIMIT_LANDMARK_ERROR_PERCENT: _ClassVar[QcLimit]
    QC_LIMIT_POSE_ERROR_DEGREES: _ClassVar[QcLimit]
    QC_LIMIT_EXPRESSION_ERROR: _ClassVar[QcLimit]
    QC_LIMIT_SEAM_WORST_STOPS: _ClassVar[QcLimit]
    QC_LIMIT_SHARPNESS_LEAST: _ClassVar[QcLimit]
    QC_LIMIT_GRAIN_LEAST: _ClassVar[QcLimit]
    QC_LIMIT_FLICKER_RATIO: _ClassVar[QcLimit]
    QC_LIMIT_FLICKER_POP_RATIO: _ClassVar[QcLimit]
    QC_LIMIT_MATTE_JUMP_PERCENT: _ClassVar[QcLimit]
    QC_LIMIT_CLIPPED_ADDED_PERCENT: _ClassVar[QcLimit]
    QC_LIMIT_LIGHT_LEVEL_STOPS: _ClassVar[QcLimit]
    QC_LIMIT_LIGHT_SHADING_STOPS: _ClassVar[QcLimit]
    QC_LIMIT_CHANGED_OUTSIDE_PIXELS: _ClassVar[QcLimit]
    QC_LIMIT_NOT_FINITE_PIXELS: _ClassVar[QcLimit]
    QC_LIMIT_LIGHT_JUMP_STOPS: _ClassVar[QcLimit]
MISSING_UNSPECIFIED: Missing
MISSING_ERROR: Missing
MISSING_HOLD: Missing
MISSING_BLACK: Missing
POSITION_UNSPECIFIED: Position
POSITION_LARGEST: Position
POSITION_LEFT: Position
POSITION_RIGHT: Position
POSITION_ALL: Position
MATCH_UNSPECIFIED: Match
MATCH_PLATE: Match
MATCH_NONE: Match
MISSING_MATTE_UNSPECIFIED: MissingMatte
MISSING_MATTE_ERROR: MissingMatte
MISSING_MATTE_HOLD: MissingMatte
MISSING_MATTE_NONE: MissingMatte
HOLDOUT_UNSPECIFIED: Holdout
HOLDOUT_HAIR: Holdout
HOLDOUT_GLASSES: Holdout
HOLDOUT_HAND: Holdout
RUNTIME_UNSPECIFIED: Runtime
RUNTIME_DEFAULT: Runtime
RUNTIME_TENSORRT: Runtime
LAYER_UNSPECIFIED: Layer
LAYER_MATTE: Layer
LAYER_PATCH: Layer
LAYER_STMAP: Layer
LAYER_REGIONS: Layer
LAYER_CRYPTOMATTE: Layer
LAYER_UV: Layer
LAYER_NORMALS: Layer
LAYER_DEPTH: Layer
LAYER_CONFIDENCE: Layer
QC_LIMIT_UNSPECIFIED: QcLimit
QC_LIMIT_DISTANCE_TO_IDENTITY: QcLimit
QC_LIMIT_LANDMARK_ERROR_PERCENT: QcLimit
QC_LIMIT_POSE_ERROR_DEGREES: QcLimit
QC_LIMIT_EXPRESSION_ERROR: QcLimit
QC_LIMIT_SEAM_WORST_STOPS: QcLimit
QC_LIMIT_SHARPNESS_LEAST: QcLimit
QC_LIMIT_GRAIN_LEAST: QcLimit
QC_LIMIT_FLICKER_RATIO: QcLimit
QC_LIMIT_FLICKER_POP_RATIO: QcLimit
QC_LIMIT_MATTE_JUMP_PERCENT: QcLimit
QC_LIMIT_CLIPPED_ADDED_PERCENT: QcLimit
QC_LIMIT_LIGHT_LEVEL_STOPS: QcLimit
QC_LIMIT_LIGHT_SHADING_STOPS: QcLimit
QC_LIMIT_CHANGED_OUTSIDE_PIXELS: QcLimit
QC_LIMIT_NOT_FINITE_PIXELS: QcLimit
QC_LIMIT_LIGHT_JUMP_STOPS: QcLimit

class Shot(_message.Message):
    __slots__ = ("name", "plate", "output", "frames", "colour_space", "missing", "engine", "cast", "lighting", "grain", "matte", "network", "write", "qc", "motion", "focus")
    NAME_FIELD_NUMBER: _ClassVar[int]
    PLATE_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_FIELD_NUMBER: _ClassVar[int]
    FRAMES_FIELD_NUMBER: _ClassVar[int]
    COLOUR_SPACE_FIELD_NUMBER: _ClassVar[int]
    MISSING_FIELD_NUMBER: _ClassVar[int]
    ENGINE_FIELD_NUMBER: _ClassVar[int]
    CAST_FIELD_NUMBER: _ClassVar[int]
    LIGHTING_FIELD_NUMBER: _ClassVar[int]
    GRAIN_FIELD_NUMBER: _ClassVar[int]
    MATTE_FIELD_NUMBER: _ClassVar[int]
    NETWORK_FIELD_NUMBER: _ClassVar[int]
    WRITE_FIELD_NUMBER: _ClassVar[int]
    QC_FIELD_NUMBER: _ClassVar[int]
    MOTION_FIELD_NUMBER: _ClassVar[int]
    FOCUS_FIELD_NUMBER: _ClassVar[int]
    name: str
    plate: str
    output: str
    frames: str
    colour_space: str
    missing: Missing
    engine: str
    cast: _containers.RepeatedCompositeFieldContainer[Cast]
    lighting: Lighting
    grain: Grain
    matte: Matte
    network: Network
    write: Write
    qc: Qc
    motion: Motion
    focus: Focus
    def __init__(self, name: _Optional[str] = ..., plate: _Optional[str] = ..., output: _Optional[str] = ..., frames: _Optional[str] = ..., colour_space: _Optional[str] = ..., missing: _Optional[_Union[Missing, str]] = ..., engine: _Optional[str] = ..., cast: _Optional[_Iterable[_Union[Cast, _Mapping]]] = ..., lighting: _Optional[_Union[Lighting, _Mapping]] = ..., grain: _Optional[_Union[Grain, _Mapping]] = ..., matte: _Optional[_Union[Matte, _Mapping]] = ..., network: _Optional[_Union[Network, _Mapping]] = ..., write: _Optional[_Union[Write, _Mapping]] = ..., qc: _Optional[_Union[Qc, _Mapping]] = ..., motion: _Optional[_Union[Motion, _Mapping]] = ..., focus: _Optional[_Union[Focus, _Mapping]] = ...) -> None: ...

class Cast(_message.Message):
    __slots__ = ("performer", "track", "position", "identity", "strength", "reshape", "makeup")
    PERFORMER_FIELD_NUMBER: _ClassVar[int]
    TRACK_FIELD_NUMBER: _ClassVar[int]
    POSITION_FIELD_NUMBER: _ClassVar[int]
    IDENTITY_FIELD_NUMBER: _ClassVar[int]
    STRENGTH_FIELD_NUMBER: _ClassVar[int]
    RESHAPE_FIELD_NUMBER: _ClassVar[int]
    MAKEUP_FIELD_NUMBER: _ClassVar[int]
    performer: str
    track: int
    position: Position
    identity: str
    strength: float
    reshape: float
    makeup: float
    def __init__(self, performer: _Optional[str] = ..., track: _Optional[int] = ..., position: _Optional[_Union[Position, str]] = ..., identity: _Optional[str] = ..., strength: _Optional[float] = ..., reshape: _Optional[float] = ..., makeup: _Optional[float] = ...) -> None: ...

class Lighting(_message.Message):
    __slots__ = ("match", "exposure_stops", "temperature_mired", "tint", "environment", "environment_rotation_degrees", "light", "key")
    MATCH_FIELD_NUMBER: _ClassVar[int]
    EXPOSURE_STOPS_FIELD_NUMBER: _ClassVar[int]
    TEMPERATURE_MIRED_FIELD_NUMBER: _ClassVar[int]
    TINT_FIELD_NUMBER: _ClassVar[int]
    ENVIRONMENT_FIELD_NUMBER: _ClassVar[int]
    ENVIRONMENT_ROTATION_DEGREES_FIELD_NUMBER: _ClassVar[int]
    LIGHT_FIELD_NUMBER: _ClassVar[int]
    KEY_FIELD_NUMBER: _ClassVar[int]
    match: Match
    exposure_stops: float
    temperature_mired: float
    tint: float
    environment: str
    environment_rotation_degrees: float
    light: _containers.RepeatedCompositeFieldContainer[Light]
    key: _containers.RepeatedCompositeFieldContainer[LightingKey]
    def __init__(self, match: _Optional[_Union[Match, str]] = ..., exposure_stops: _Optional[float] = ..., temperature_mired: _Optional[float] = ..., tint: _Optional[float] = ..., environment: _Optional[str] = ..., environment_rotation_degrees: _Optional[float] = ..., light: _Optional[_Iterable[_Union[Light, _Mapping]]] = ..., key: _Optional[_Iterable[_Union[LightingKey, _Mapping]]] = ...) -> None: ...

class LightingKey(_message.Message):
    __slots__ = ("frame", "exposure_stops", "temperature_mired", "tint", "environment_rotation_degrees")
    FRAME_FIELD_NUMBER: _ClassVar[int]
    EXPOSURE_STOPS_FIELD_NUMBER: _ClassVar[int]
    TEMPERATURE_MIRED_FIELD_NUMBER: _ClassVar[int]
    TINT_FIELD_NUMBER: _ClassVar[int]
    ENVIRONMENT_ROTATION_DEGREES_FIELD_NUMBER: _ClassVar[int]
    frame: int
    exposure_stops: float
    temperature_mired: float
    tint: float
    environment_rotation_degrees: float
    def __init__(self, frame: _Optional[int] = ..., exposure_stops: _Optional[float] = ..., temperature_mired: _Optional[float] = ..., tint: _Optional[float] = ..., environment_rotation_degrees: _Optional[float] = ...) -> None: ...

class Light(_message.Message):
    __slots__ = ("azimuth_degrees", "elevation_degrees", "intensity", "colour", "softness", "key")
    AZIMUTH_DEGREES_FIELD_NUMBER: _ClassVar[int]
    ELEVATION_DEGREES_FIELD_NUMBER: _ClassVar[int]
    INTENSITY_FIELD_NUMBER: _ClassVar[int]
    COLOUR_FIELD_NUMBER: _ClassVar[int]
    SOFTNESS_FIELD_NUMBER: _ClassVar[int]
    KEY_FIELD_NUMBER: _ClassVar[int]
    azimuth_degrees: float
    elevation_degrees: float
    intensity: float
    colour: _containers.RepeatedScalarFieldContainer[float]
    softness: float
    key: _containers.RepeatedCompositeFieldContainer[LightKey]
    def __init__(self, azimuth_degrees: _Optional[float] = ..., elevation_degrees: _Optional[float] = ..., intensity: _Optional[float] = ..., colour: _Optional[_Iterable[float]] = ..., softness: _Optional[float] = ..., key: _Optional[_Iterable[_Union[LightKey, _Mapping]]] = ...) -> None: ...

class LightKey(_message.Message):
    __slots__ = ("frame", "azimuth_degrees", "elevation_degrees", "intensity", "colour", "softness")
    FRAME_FIELD_NUMBER: _ClassVar[int]
    AZIMUTH_DEGREES_FIELD_NUMBER: _ClassVar[int]
    ELEVATION_DEGREES_FIELD_NUMBER: _ClassVar[int]
    INTENSITY_FIELD_NUMBER: _ClassVar[int]
    COLOUR_FIELD_NUMBER: _ClassVar[int]
    SOFTNESS_FIELD_NUMBER: _ClassVar[int]
    frame: int
    azimuth_degrees: float
    elevation_degrees: float
    intensity: float
    colour: _containers.RepeatedScalarFieldContainer[float]
    softness: float
    def __init__(self, frame: _Optional[int] = ..., azimuth_degrees: _Optional[float] = ..., elevation_degrees: _Optional[float] = ..., intensity: _Optional[float] = ..., colour: _Optional[_Iterable[float]] = ..., softness: _Optional[float] = ...) -> None: ...

class Grain(_message.Message):
    __slots__ = ("match", "detail")
    MATCH_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    match: Match
    detail: float
    def __init__(self, match: _Optional[_Union[Match, str]] = ..., detail: _Optional[float] = ...) -> None: ...

class Motion(_message.Message):
    __slots__ = ("match", "shutter_degrees")
    MATCH_FIELD_NUMBER: _ClassVar[int]
    SHUTTER_DEGREES_FIELD_NUMBER: _ClassVar[int]
    match: Match
    shutter_degrees: float
    def __init__(self, match: _Optional[_Union[Match, str]] = ..., shutter_degrees: _Optional[float] = ...) -> None: ...

class Focus(_message.Message):
    __slots__ = ("match",)
    MATCH_FIELD_NUMBER: _ClassVar[int]
    match: Match
    def __init__(self, match: _Optional[_Union[Match, str]] = ...) -> None: ...

class Matte(_message.Message):
    __slots__ = ("expand_pixels", "feather", "holdout", "holdout_matte", "holdout_channel", "garbage_matte", "garbage_channel", "missing")
    EXPAND_PIXELS_FIELD_NUMBER: _ClassVar[int]
    FEATHER_FIELD_NUMBER: _ClassVar[int]
    HOLDOUT_FIELD_NUMBER: _ClassVar[int]
    HOLDOUT_MATTE_FIELD_NUMBER: _ClassVar[int]
    HOLDOUT_CHANNEL_FIELD_NUMBER: _ClassVar[int]
    GARBAGE_MATTE_FIELD_NUMBER: _ClassVar[int]
    GARBAGE_CHANNEL_FIELD_NUMBER: _ClassVar[int]
    MISSING_FIELD_NUMBER: _ClassVar[int]
    expand_pixels: float
    feather: float
    holdout: HoldoutList
    holdout_matte: str
    holdout_channel: str
    garbage_matte: str
    garbage_channel: str
    missing: MissingMatte
    def __init__(self, expand_pixels: _Optional[float] = ..., feather: _Optional[float] = ..., holdout: _Optional[_Union[HoldoutList, _Mapping]] = ..., holdout_matte: _Optional[str] = ..., holdout_channel: _Optional[str] = ..., garbage_matte: _Optional[str] = ..., garbage_channel: _Optional[str] = ..., missing: _Optional[_Union[MissingMatte, str]] = ...) -> None: ...

class HoldoutList(_message.Message):
    __slots__ = ("values",)
    VALUES_FIELD_NUMBER: _ClassVar[int]
    values: _containers.RepeatedScalarFieldContainer[Holdout]
    def __init__(self, values: _Optional[_Iterable[_Union[Holdout, str]]] = ...) -> None: ...

class Network(_message.Message):
    __slots__ = ("pixel_boost", "parser", "batch", "runtime")
    PIXEL_BOOST_FIELD_NUMBER: _ClassVar[int]
    PARSER_FIELD_NUMBER: _ClassVar[int]
    BATCH_FIELD_NUMBER: _ClassVar[int]
    RUNTIME_FIELD_NUMBER: _ClassVar[int]
    pixel_boost: int
    parser: str
    batch: int
    runtime: Runtime
    def __init__(self, pixel_boost: _Optional[int] = ..., parser: _Optional[str] = ..., batch: _Optional[int] = ..., runtime: _Optional[_Union[Runtime, str]] = ...) -> None: ...

class Write(_message.Message):
    __slots__ = ("layers",)
    LAYERS_FIELD_NUMBER: _ClassVar[int]
    layers: _containers.RepeatedScalarFieldContainer[Layer]
    def __init__(self, layers: _Optional[_Iterable[_Union[Layer, str]]] = ...) -> None: ...

class Qc(_message.Message):
    __slots__ = ("distance_to_identity", "landmark_error_percent", "pose_error_degrees", "expression_error", "seam_worst_stops", "sharpness_least", "grain_least", "flicker_ratio", "flicker_pop_ratio", "matte_jump_percent", "clipped_added_percent", "light_level_stops", "light_shading_stops", "changed_outside_pixels", "not_finite_pixels", "failing_frames_percent", "skip", "light_jump_stops")
    DISTANCE_TO_IDENTITY_FIELD_NUMBER: _ClassVar[int]
    LANDMARK_ERROR_PERCENT_FIELD_NUMBER: _ClassVar[int]
    POSE_ERROR_DEGREES_FIELD_NUMBER: _ClassVar[int]
    EXPRESSION_ERROR_FIELD_NUMBER: _ClassVar[int]
    SEAM_WORST_STOPS_FIELD_NUMBER: _ClassVar[int]
    SHARPNESS_LEAST_FIELD_NUMBER: _ClassVar[int]
    GRAIN_LEAST_FIELD_NUMBER: _ClassVar[int]
    FLICKER_RATIO_FIELD_NUMBER: _ClassVar[int]
    FLICKER_POP_RATIO_FIELD_NUMBER: _ClassVar[int]
    MATTE_JUMP_PERCENT_FIELD_NUMBER: _ClassVar[int]
    CLIPPED_ADDED_PERCENT_FIELD_NUMBER: _ClassVar[int]
    LIGHT_LEVEL_STOPS_FIELD_NUMBER: _ClassVar[int]
    LIGHT_SHADING_STOPS_FIELD_NUMBER: _ClassVar[int]
    CHANGED_OUTSIDE_PIXELS_FIELD_NUMBER: _ClassVar[int]
    NOT_FINITE_PIXELS_FIELD_NUMBER: _ClassVar[int]
    FAILING_FRAMES_PERCENT_FIELD_NUMBER: _ClassVar[int]
    SKIP_FIELD_NUMBER: _ClassVar[int]
    LIGHT_JUMP_STOPS_FIELD_NUMBER: _ClassVar[int]
    distance_to_identity: float
    landmark_error_percent: float
    pose_error_degrees: float
    expression_error: float
    seam_worst_stops: float
    sharpness_least: float
    grain_least: float
    flicker_ratio: float
    flicker_pop_ratio: float
    matte_jump_percent: float
    clipped_added_percent: float
    light_level_stops: float
    light_shading_stops: float
    changed_outside_pixels: int
    not_finite_pixels: int
    failing_frames_percent: float
    skip: _containers.RepeatedScalarFieldContainer[QcLimit]
    light_jump_stops: float
    def __init__(self, distance_to_identity: _Optional[float] = ..., landmark_error_percent: _Optional[float] = ..., pose_error_degrees: _Optional[float] = ..., expression_error: _Optional[float] = ..., seam_worst_stops: _Optional[float] = ..., sharpness_least: _Optional[float] = ..., grain_least: _Optional[float] = ..., flicker_ratio: _Optional[float] = ..., flicker_pop_ratio: _Optional[float] = ..., matte_jump_percent: _Optional[float] = ..., clipped_added_percent: _Optional[float] = ..., light_level_stops: _Optional[float] = ..., light_shading_stops: _Optional[float] = ..., changed_outside_pixels: _Optional[int] = ..., not_finite_pixels: _Optional[int] = ..., failing_frames_percent: _Optional[float] = ..., skip: _Optional[_Iterable[_Union[QcLimit, str]]] = ..., light_jump_stops: _Optional[float] = ...) -> None: ...
