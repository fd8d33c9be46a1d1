from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class OptionKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    OPTION_KIND_UNSPECIFIED: _ClassVar[OptionKind]
    OPTION_KIND_NUMBER: _ClassVar[OptionKind]
    OPTION_KIND_INTEGER: _ClassVar[OptionKind]
    OPTION_KIND_CHOICE: _ClassVar[OptionKind]
    OPTION_KIND_CHOICES: _ClassVar[OptionKind]
    OPTION_KIND_COLOUR: _ClassVar[OptionKind]
    OPTION_KIND_PATH: _ClassVar[OptionKind]
    OPTION_KIND_TEXT: _ClassVar[OptionKind]
OPTION_KIND_UNSPECIFIED: OptionKind
OPTION_KIND_NUMBER: OptionKind
OPTION_KIND_INTEGER: OptionKind
OPTION_KIND_CHOICE: OptionKind
OPTION_KIND_CHOICES: OptionKind
OPTION_KIND_COLOUR: OptionKind
OPTION_KIND_PATH: OptionKind
OPTION_KIND_TEXT: OptionKind

class ListModelsRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListModelsResponse(_message.Message):
    __slots__ = ("models",)
    MODELS_FIELD_NUMBER: _ClassVar[int]
    models: _containers.RepeatedCompositeFieldContainer[Model]
    def __init__(self, models: _Optional[_Iterable[_Union[Model, _Mapping]]] = ...) -> None: ...

class Model(_message.Message):
    __slots__ = ("id", "task", "licence", "paid_work_allowed", "present", "loaded_on")
    ID_FIELD_NUMBER: _ClassVar[int]
    TASK_FIELD_NUMBER: _ClassVar[int]
    LICENCE_FIELD_NUMBER: _ClassVar[int]
    PAID_WORK_ALLOWED_FIELD_NUMBER: _ClassVar[int]
    PRESENT_FIELD_NUMBER: _ClassVar[int]
    LOADED_ON_FIELD_NUMBER: _ClassVar[int]
    id: str
    task: str
    licence: str
    paid_work_allowed: bool
    present: bool
    loaded_on: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, id: _Optional[str] = ..., task: _Optional[str] = ..., licence: _Optional[str] = ..., paid_work_allowed: _Optional[bool] = ..., present: _Optional[bool] = ..., loaded_on: _Optional[_Iterable[str]] = ...) -> None: ...

class LoadModelRequest(_message.Message):
    __slots__ = ("id", "device")
    ID_FIELD_NUMBER: _ClassVar[int]
    DEVICE_FIELD_NUMBER: _ClassVar[int]
    id: str
    device: str
    def __init__(self, id: _Optional[str] = ..., device: _Optional[str] = ...) -> None: ...

class LoadModelResponse(_message.Message):
    __slots__ = ("loaded_on",)
    LOADED_ON_FIELD_NUMBER: _ClassVar[int]
    loaded_on: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, loaded_on: _Optional[_Iterable[str]] = ...) -> None: ...

class UnloadModelRequest(_message.Message):
    __slots__ = ("id", "device")
    ID_FIELD_NUMBER: _ClassVar[int]
    DEVICE_FIELD_NUMBER: _ClassVar[int]
    id: str
    device: str
    def __init__(self, id: _Optional[str] = ..., device: _Optional[str] = ...) -> None: ...

class UnloadModelResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class DescribeOptionsRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class DescribeOptionsResponse(_message.Message):
    __slots__ = ("engines", "options")
    ENGINES_FIELD_NUMBER: _ClassVar[int]
    OPTIONS_FIELD_NUMBER: _ClassVar[int]
    engines: _containers.RepeatedScalarFieldContainer[str]
    options: _containers.RepeatedCompositeFieldContainer[Option]
    def __init__(self, engines: _Optional[_Iterable[str]] = ..., options: _Optional[_Iterable[_Union[Option, _Mapping]]] = ...) -> None: ...

class Option(_message.Message):
    __slots__ = ("key", "kind", "label", "help", "minimum", "maximum", "choices", "default_json", "unit", "engines")
    KEY_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    LABEL_FIELD_NUMBER: _ClassVar[int]
    HELP_FIELD_NUMBER: _ClassVar[int]
    MINIMUM_FIELD_NUMBER: _ClassVar[int]
    MAXIMUM_FIELD_NUMBER: _ClassVar[int]
    CHOICES_FIELD_NUMBER: _ClassVar[int]
    DEFAULT_JSON_FIELD_NUMBER: _ClassVar[int]
    UNIT_FIELD_NUMBER: _ClassVar[int]
    ENGINES_FIELD_NUMBER: _ClassVar[int]
    key: str
    kind: OptionKind
    label: str
    help: str
    minimum: float
    maximum: float
    choices: _containers.RepeatedScalarFieldContainer[str]
    default_json: str
    unit: str
    engines: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, key: _Optional[str] = ..., kind: _Optional[_Union[OptionKind, str]] = ..., label: _Optional[str] = ..., help: _Optional[str] = ..., minimum: _Optional[float] = ..., maximum: _Optional[float] = ..., choices: _Optional[_Iterable[str]] = ..., default_json: _Optional[str] = ..., unit: _Optional[str] = ..., engines: _Optional[_Iterable[str]] = ...) -> None: ...
