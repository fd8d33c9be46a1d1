"""Tiny ONNX graphs with the names, shapes and types of a family's files, and random weights that matter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import ModelProto, TensorProto, helper, numpy_helper

from vfx_swap.models.cards import Card, MatchSpec, SlotSpec

__all__ = ["FREE", "family_graph", "model_of"]

FREE: Mapping[str, int] = {"size": 64}
"""Lengths of words in a family's shapes: 64 pixels where the size is the file's own; the others stay free."""
_TYPES = {"float32": TensorProto.FLOAT, "float64": TensorProto.DOUBLE}


class _Build:
    """Nodes and constants of one graph."""

    def __init__(self, seed: int) -> None:
        self.nodes: list[Any] = []
        self.constants: dict[str, NDArray[Any]] = {}
        self.random = np.random.default_rng(seed)

    def node(self, kind: str, inputs: Sequence[str], out: str | None = None, **attributes: Any) -> str:
        name = out or f"t{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [name], **attributes))
        return name

    def constant(self, values: NDArray[Any]) -> str:
        name = f"c{len(self.constants)}"
        self.constants[name] = values
        return name

    def numbers(self, *values: int) -> str:
        return self.constant(np.array(values, dtype=np.int64))

    def mixed(self, tensor: str, into: int, out: int, *, nhwc: bool) -> str:
        """A random mix of the channels, (n, out, h, w)."""
        if nhwc:
            tensor = self.node("Transpose", [tensor], perm=[0, 3, 1, 2])
        weight = self.random.standard_normal((out, into, 1, 1)).astype(np.float32) / np.sqrt(into)
        return self.node("Conv", [tensor, self.constant(weight.astype(np.float32))], kernel_shape=[1, 1])

    def vector(self, tensor: str, length: int, out: int) -> str:
        """A random projection of (n, length) to (n, out)."""
        weight = self.random.standard_normal((length, out)).astype(np.float32) / np.float32(np.sqrt(length))
        return self.node("MatMul", [tensor, self.constant(weight)])


def family_graph(card: Card, *, match: int = 0, seed: int = 3, batch: int | str = "batch") -> bytes:
    """A file of a family, as bytes.

    Args:
        card: the family's.
        match: which of its ways to be recognised.
        seed: of the weights.
        batch: length of the batch, or a word where it is free.
    """
    spec = card.match[match]
    build = _Build(seed)
    names = {role: (slot.names[0] if slot.names else f"{role}.{seed}") for role, slot in _slots(spec).items()}
    if card.architecture == "scrfd":
        _detector(build, spec, names)
    else:
        _network(build, card, spec, names)
    if spec.initializer is not None:
        build.constants["buff2fs"] = build.random.standard_normal(spec.initializer).astype(np.float32)
    return model_of(
        build.nodes,
        [_value(names[role], slot, batch) for role, slot in spec.inputs.items()],
        [_value(names[role], slot, batch) for role, slot in spec.outputs.items()],
        build.constants,
    )


def model_of(
    nodes: Sequence[Any], inputs: Sequence[Any], outputs: Sequence[Any], constants: Mapping[str, NDArray[Any]]
) -> bytes:
    """A whole file."""
    held = [numpy_helper.from_array(values, name) for name, values in constants.items()]
    graph = helper.make_graph(list(nodes), "g", list(inputs), list(outputs), held)
    imports = [helper.make_opsetid("", 17)]
    model: ModelProto = helper.make_model(graph, opset_imports=imports, ir_version=8)
    data: bytes = model.SerializeToString()
    return data


def _slots(spec: MatchSpec) -> dict[str, SlotSpec]:
    return {**spec.inputs, **spec.outputs}


def _value(name: str, slot: SlotSpec, batch: int | str) -> Any:
    shape = [batch if length == "batch" else FREE.get(str(length), length) for length in slot.shape]
    return helper.make_tensor_value_info(name, _TYPES[slot.dtype], shape)


def _network(build: _Build, card: Card, spec: MatchSpec, names: Mapping[str, str]) -> None:
    """Outputs that depend on every input."""
    task = card.task
    if task == "convert":
        unit = build.node("LpNormalization", [names["embedding"]], axis=1, p=2)
        build.node("Identity", [build.vector(unit, 512, 512)], names["converted"])
        return
    main = "target" if task == "swap" else "image"
    nhwc = spec.inputs[main].shape[-1] == 3
    if task == "recognise":
        mixed = build.mixed(names[main], 3, 512, nhwc=nhwc)
        weights = build.constant(build.random.standard_normal((1, 1, 112, 112)).astype(np.float32))
        summed = build.node("ReduceSum", [build.node("Mul", [mixed, weights]), build.numbers(2, 3)], keepdims=0)
        build.node("Identity", [summed], names["embedding"])
        return
    shift = _identity(build, spec, names)
    for role, slot in spec.outputs.items():
        channels = int(slot.shape[-1] if nhwc else slot.shape[1])
        mixed = build.mixed(names[main], 3, channels, nhwc=nhwc)
        if shift is not None:
            mixed = build.node("Add", [mixed, shift])
        if role == "labels":
            build.node("Identity", [mixed], names[role])
            continue
        # As wide as the family's output: -1 to 1 where its card says so, 0 to 1 elsewhere.
        wide = card.output.low < 0.0 and role in {"image", "restored"}
        steep = build.node("Mul", [mixed, build.constant(np.array([4.0], np.float32))])
        bounded = build.node("Tanh" if wide else "Sigmoid", [steep])
        if nhwc:
            bounded = build.node("Transpose", [bounded], perm=[0, 2, 3, 1])
        build.node("Identity", [bounded], names[role])


def _identity(build: _Build, spec: MatchSpec, names: Mapping[str, str]) -> str | None:
    """(n, 1, 1, 1) out of what goes in beside the picture; None where nothing does."""
    if "source" in spec.inputs:
        source, shape = names["source"], spec.inputs["source"].shape
        if len(shape) == 2:
            single = build.vector(source, int(shape[1]), 1)
        else:
            size = int(shape[2])
            weights = build.constant(build.random.standard_normal((1, 3, size, size)).astype(np.float32) / size)
            single = build.node("ReduceSum", [build.node("Mul", [source, weights]), build.numbers(1, 2, 3)], keepdims=0)
            single = build.node("Reshape", [single, build.numbers(-1, 1)])
        return build.node("Reshape", [build.node("Tanh", [single]), build.numbers(-1, 1, 1, 1)])
    for role in ("morph", "weight"):
        if role in spec.inputs:
            return build.node("Cast", [names[role]], to=TensorProto.FLOAT)
    return None


def _detector(build: _Build, spec: MatchSpec, names: Mapping[str, str]) -> None:
    """One face wherever a cell is bright: a box of four strides, five points in it."""
    mean = build.node("ReduceMean", [names["image"]], axes=[1], keepdims=1)
    for stride in (8, 16, 32):
        pooled = build.node("AveragePool", [mean], kernel_shape=[stride, stride], strides=[stride, stride])
        cells = build.node("Reshape", [pooled, build.numbers(-1, 1)])
        both = build.node("Reshape", [build.node("Concat", [cells, cells], axis=1), build.numbers(-1, 1)])
        build.node(
            "Sigmoid",
            [build.node("Mul", [both, build.constant(np.array([8.0], np.float32))])],
            names[f"score_{stride}"],
        )
        nothing = build.node("Mul", [both, build.constant(np.array([0.0], np.float32))])
        box = build.constant(np.full((1, 4), 2.0, np.float32))
        build.node("Add", [nothing, box], names[f"box_{stride}"])
        points = np.array([[-0.5, -0.5, 0.5, -0.5, 0, 0, -0.4, 0.5, 0.4, 0.5]], np.float32)
        build.node("Add", [nothing, build.constant(points)], names[f"points_{stride}"])
