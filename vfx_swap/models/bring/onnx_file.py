"""What an ONNX file is, read from its graph without running it: inputs, outputs, constants; and what is refused.

Refused: files cut off, weights kept in other files, operators that are not ONNX's or ONNX Runtime's own
(they would need a library of somebody's), constants that are not numbers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vfx_swap.errors import ModelMismatchError
from vfx_swap.models.cards import MatchSpec, SlotSpec

__all__ = ["Fit", "Graph", "Slot", "find_map", "fit_graph", "read_graph"]

_DOMAINS = frozenset({"", "ai.onnx", "ai.onnx.ml", "com.microsoft"})
_GET_WHOLE = "Get the file again from where it came; compare its size and SHA-256"


@dataclass(frozen=True)
class Slot:
    """An input or output."""

    name: str
    shape: tuple[int | str, ...] | None
    """Lengths; a word where free; None where the graph does not say."""
    dtype: str

    def __str__(self) -> str:
        return f"{self.name} {self.dtype} {'of any shape' if self.shape is None else list(self.shape)}"


@dataclass(frozen=True)
class Graph:
    """A graph's signature."""

    inputs: tuple[Slot, ...]
    outputs: tuple[Slot, ...]
    constants: Mapping[str, tuple[int, ...]]
    """Name -> shape of each initializer."""
    loose: frozenset[str] = frozenset()
    """Constants that no operator takes: they are for whoever calls the graph."""

    def __str__(self) -> str:
        return f"in: {'; '.join(map(str, self.inputs))}; out: {'; '.join(map(str, self.outputs))}"


@dataclass(frozen=True)
class Fit:
    """How a graph fits a family."""

    roles: Mapping[str, str]
    """Role -> name in this graph."""
    lengths: Mapping[str, int]
    """Word of the family's shapes -> length in this graph, where it is fixed."""
    certainty: int
    """How much of the family's own was found: names, and a constant of its kind. More beats less."""


def read_graph(data: bytes, *, where: object) -> Graph:
    """A file's signature.

    Raises:
        ModelMismatchError: it is no ONNX file that can be trusted to be whole and self-contained.
    """
    model = _parse(data, where=where)
    try:
        return _signature(model, where=where)
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        raise ModelMismatchError(
            f"an ONNX file that is broken ({type(error).__name__}: {' '.join(str(error).split())[:120]})",
            where=where,
            mend=_GET_WHOLE,
        ) from error


def _signature(model: Any, *, where: object) -> Graph:
    for tensor in _tensors(model.graph):
        _check_tensor(tensor, where=where)
    _check_operators(model, where=where)
    constants = {one.name: tuple(one.dims) for one in model.graph.initializer}
    return Graph(
        tuple(_slot(one) for one in model.graph.input if one.name not in constants),
        tuple(_slot(one) for one in model.graph.output),
        MappingProxyType(constants),
        frozenset(constants) - _taken(model.graph),
    )


def find_map(data: bytes, *, shape: Sequence[int], where: object) -> NDArray[np.float32]:
    """The constant that an embedding is multiplied with outside the graph (inswapper's emap).

    It is found by its name where that holds `emap`, else as the one of its shape that no operator takes, never
    by its place in the file.

    Raises:
        ModelMismatchError: there is none, or more than one that it could be.
    """
    from onnx import numpy_helper

    model = _parse(data, where=where)
    fitting = [one for one in model.graph.initializer if tuple(one.dims) == tuple(shape)]
    named = [one for one in fitting if "emap" in one.name.lower()]
    taken = _taken(model.graph)
    unused = [one for one in fitting if one.name not in taken]
    chosen = next((group for group in (named, unused, fitting) if len(group) == 1), None)
    if chosen is None:
        raise ModelMismatchError(
            f"{len(fitting)} constants of shape {list(shape)}, so the embedding's map cannot be told",
            where=where,
            mend="Bring the file as its author published it",
        )
    values: NDArray[np.float32] = numpy_helper.to_array(chosen[0]).astype(np.float32)
    return values


def fit_graph(graph: Graph, spec: MatchSpec) -> Fit | None:
    """How a graph fills a family's roles, or None: it is of another kind."""
    constants = [name for name, shape in graph.constants.items() if list(shape) == spec.initializer]
    if spec.initializer is not None and not constants:
        return None
    lengths: dict[str, int] = {}
    taken = _fill(spec.inputs, graph.inputs, lengths)
    given = _fill(spec.outputs, graph.outputs, lengths)
    if taken is None or given is None or len(taken) != len(graph.inputs):
        return None
    if len(given) != len(graph.outputs) and not spec.more_outputs:
        return None
    own = any(name in graph.loose or "emap" in name.lower() for name in constants)
    named = sum(bool(slot.names) for slot in (*spec.inputs.values(), *spec.outputs.values()))
    return Fit(MappingProxyType(taken | given), MappingProxyType(lengths), named + 10 * own)


def _fill(wanted: Mapping[str, SlotSpec], slots: Sequence[Slot], lengths: dict[str, int]) -> dict[str, str] | None:
    """Role -> name, each slot used once, named ones first; None where a role that is needed stays empty."""
    filled: dict[str, str] = {}
    for role, spec in sorted(wanted.items(), key=lambda item: not item[1].names):
        found = next(
            (
                one
                for one in slots
                if one.name not in filled.values()
                and (not spec.names or one.name in spec.names)
                and _alike(spec.dtype, one.dtype)
                and _bind(spec.shape, one.shape, lengths)
            ),
            None,
        )
        if found is not None:
            filled[role] = found.name
        elif not spec.optional:
            return None
    return filled


def _alike(wanted: str, dtype: str) -> bool:
    """Files of half size may also take and give halves: who feeds them casts."""
    return dtype == wanted or (wanted == "float32" and dtype == "float16")


def _bind(pattern: Sequence[int | str], shape: Sequence[int | str] | None, lengths: dict[str, int]) -> bool:
    """Whether a shape fits; words learn their lengths."""
    if shape is None:
        return True
    if len(pattern) != len(shape):
        return False
    learnt: dict[str, int] = {}
    for wanted, length in zip(pattern, shape, strict=True):
        if isinstance(length, str):
            continue
        known = wanted if isinstance(wanted, int) else (lengths | learnt).get(wanted, length)
        if known != length:
            return False
        if isinstance(wanted, str) and wanted != "batch":
            learnt[wanted] = length
    lengths |= learnt
    return True


def _parse(data: bytes, *, where: object) -> Any:
    import onnx
    from google.protobuf.message import DecodeError

    try:
        model = onnx.load_model_from_string(data)
    except DecodeError as error:
        raise ModelMismatchError("not an ONNX file, or one that was cut off", where=where, mend=_GET_WHOLE) from error
    if not model.graph.node or not model.graph.input or not model.graph.output:
        raise ModelMismatchError("no ONNX graph in it, or one that was cut off", where=where, mend=_GET_WHOLE)
    return model


def _graphs(graph: Any) -> Iterator[Any]:
    """A graph and those inside its operators (If, Loop)."""
    yield graph
    for node in graph.node:
        for attribute in node.attribute:
            for inner in (attribute.g, *attribute.graphs):
                if inner.node:
                    yield from _graphs(inner)


def _taken(graph: Any) -> set[str]:
    return {name for one in _graphs(graph) for node in one.node for name in node.input}


def _tensors(graph: Any) -> Iterator[Any]:
    for one in _graphs(graph):
        yield from one.initializer
        for sparse in one.sparse_initializer:
            yield from (sparse.values, sparse.indices)
        for node in one.node:
            for attribute in node.attribute:
                if attribute.HasField("t"):
                    yield attribute.t
                yield from attribute.tensors


def _check_tensor(tensor: Any, *, where: object) -> None:
    from onnx import TensorProto, numpy_helper

    if tensor.data_location == TensorProto.EXTERNAL or tensor.external_data:
        place = next((one.value for one in tensor.external_data if one.key == "location"), "")
        inside = PurePosixPath(place.replace("\\", "/"))
        outside = inside.is_absolute() or ".." in inside.parts
        raise ModelMismatchError(
            f"its constant {tensor.name!r} lies in another file, {place!r}"
            + (", outside its own folder: it was made to read what is not its own" if outside else ""),
            where=where,
            mend="Delete it" if outside else "Save the model as one file (onnx.save_model without external data)",
        )
    if tensor.data_type not in (TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.DOUBLE):
        return
    try:
        values = numpy_helper.to_array(tensor)
    except (ValueError, TypeError) as error:
        raise ModelMismatchError(
            f"its constant {tensor.name!r} is cut off ({error})", where=where, mend=_GET_WHOLE
        ) from error
    if np.isnan(values).any():
        raise ModelMismatchError(
            f"{int(np.isnan(values).sum())} of the {values.size} numbers of its constant {tensor.name!r} are NaN",
            where=where,
            mend="The training of this model failed, or the file is damaged: bring another",
        )


def _check_operators(model: Any, *, where: object) -> None:
    """Only operators that ONNX Runtime itself has; functions that the file defines are looked into."""
    from onnx import defs

    own = {(one.domain, one.name) for one in model.functions}
    nodes = [node for graph in _graphs(model.graph) for node in graph.node]
    nodes += [node for one in model.functions for node in one.node]
    for node in nodes:
        if (node.domain, node.op_type) in own:
            continue
        standard = node.domain in ("", "ai.onnx")
        if node.domain not in _DOMAINS or (standard and not defs.has(node.op_type, "")):
            name = f"{node.domain}::{node.op_type}" if node.domain else node.op_type
            raise ModelMismatchError(
                f"it needs the custom operator {name}, which is a program of its own",
                where=where,
                mend="Export the model with standard operators only",
            )


def _slot(value: Any) -> Slot:
    from onnx import helper

    tensor = value.type.tensor_type
    dtype = str(helper.tensor_dtype_to_np_dtype(tensor.elem_type)) if tensor.elem_type else "none"
    if not tensor.HasField("shape"):
        return Slot(value.name, None, dtype)
    shape = tuple(
        one.dim_value if one.HasField("dim_value") and one.dim_value > 0 else (one.dim_param or f"axis{number}")
        for number, one in enumerate(tensor.shape.dim)
    )
    return Slot(value.name, shape, dtype)
