"""ONNX Runtime sessions: explicit device, explicit threads, no silent fall back to the CPU."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from typing import Any

from vfx_swap.errors import DeviceError, ModelMismatchError, UsageError

__all__ = ["device_index", "free_input_shape", "import_onnxruntime", "open_session", "providers_for"]


def import_onnxruntime() -> Any:
    """The module `onnxruntime`, its reports to mobile.events.data.microsoft.com switched off.

    Every import of it goes through here: left alone it reports sessions and devices, and keeps a device id
    in the user's cache. The variable is read when the library is loaded, the call stops what it missed.
    """
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    import onnxruntime

    onnxruntime.disable_telemetry_events()
    return onnxruntime


def device_index(device: str) -> int | None:
    """The GPU number a device name asks for; None for `cpu`.

    Raises:
        UsageError: neither `cpu`, `cuda` nor `cuda:N`.
    """
    match = re.fullmatch(r"cpu|cuda(?::(\d{1,3}))?", device)
    if match is None:
        raise UsageError(f"unknown device {device!r}", mend="Say cpu, cuda or cuda:0")
    return None if device == "cpu" else int(match.group(1) or 0)


def providers_for(device: str, *, available: Sequence[str]) -> list[Any]:
    """ONNX Runtime's provider list for a device: one provider for cpu, CUDA with its options for a GPU.

    Args:
        device: `cpu`, `cuda` or `cuda:N`.
        available: `onnxruntime.get_available_providers()`.

    Raises:
        UsageError: the name is no device.
        DeviceError: this build of ONNX Runtime has no CUDA provider.
    """
    index = device_index(device)
    if index is None:
        return ["CPUExecutionProvider"]
    if "CUDAExecutionProvider" not in available:
        raise DeviceError(
            f"the device {device!r} was asked for, but this ONNX Runtime has no CUDA provider "
            f"(it has {', '.join(available)})",
            mend="Install the GPU build with scripts/setup --gpu, or say --device cpu",
        )
    # The heuristic search is repeatable between processes; the exhaustive default times kernels and picks by luck.
    options = {"device_id": str(index), "cudnn_conv_algo_search": "HEURISTIC", "use_tf32": "0"}
    return [("CUDAExecutionProvider", options), "CPUExecutionProvider"]


def open_session(graph: bytes, *, device: str, threads: int, where: object) -> Any:
    """An inference session that runs on the device asked for, or an error.

    Args:
        graph: the ONNX file's bytes.
        device: `cpu`, `cuda` or `cuda:N`.
        threads: threads of one operator; operators run one after another.
        where: the file's path, for messages.

    Raises:
        UsageError: the name is no device.
        DeviceError: the device is not there.
        ModelMismatchError: ONNX Runtime cannot read the graph.
    """
    onnxruntime = import_onnxruntime()
    providers = providers_for(device, available=onnxruntime.get_available_providers())
    if device != "cpu" and hasattr(onnxruntime, "preload_dlls"):
        onnxruntime.preload_dlls()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.use_deterministic_compute = True
    options.log_severity_level = 3
    try:
        session = onnxruntime.InferenceSession(graph, options, providers=providers)
    except Exception as error:  # ONNX Runtime's exceptions share no public base class
        if device != "cpu":
            raise DeviceError(f"the device {device!r} does not start: {_first_line(error)}", where=where) from error
        raise ModelMismatchError(f"ONNX Runtime cannot read it: {_first_line(error)}", where=where) from error
    if device != "cpu" and "CUDAExecutionProvider" not in session.get_providers():
        raise DeviceError(
            f"the device {device!r} was asked for, but ONNX Runtime fell back to {', '.join(session.get_providers())}",
            where=where,
            mend="Check the driver and the CUDA libraries with vfx-swap doctor, or say --device cpu",
        )
    return session


def free_input_shape(graph: bytes, *, name: str, free: Sequence[tuple[int, str]], where: object) -> bytes:
    """The graph with some lengths of one input made free, and the shapes of its outputs with them.

    Args:
        graph: the ONNX file's bytes.
        name: the input.
        free: (axis, word) for each length to free.
        where: the file's path, for messages.

    Raises:
        ModelMismatchError: not an ONNX graph, or one without that input.
    """
    import onnx
    from google.protobuf.message import DecodeError

    try:
        model = onnx.load_model_from_string(graph)
    except DecodeError as error:
        raise ModelMismatchError("not an ONNX graph", where=where) from error
    inputs = {one.name: one for one in model.graph.input}
    if name not in inputs:
        raise ModelMismatchError(f"the graph has no input {name!r}", where=where)
    for axis, word in free:
        inputs[name].type.tensor_type.shape.dim[axis].dim_param = word
    for output in model.graph.output:
        for axis, length in enumerate(output.type.tensor_type.shape.dim):
            if axis != 1:
                length.dim_param = f"{output.name}_{axis}"
    data: bytes = model.SerializeToString()
    return data


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
