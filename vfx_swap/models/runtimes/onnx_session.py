"""ONNX Runtime sessions: explicit device, explicit threads, no silent fall back to the CPU."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from vfx_swap.errors import DeviceError, ModelMismatchError, UsageError

__all__ = ["device_index", "engine_folder", "free_input_shape", "import_onnxruntime", "open_session", "providers_for"]

TENSORRT = "TensorrtExecutionProvider"


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


def providers_for(device: str, *, available: Sequence[str], tensorrt: bool = False, half: bool = False) -> list[Any]:
    """ONNX Runtime's provider list for a device: one provider for cpu, CUDA with its options for a GPU.

    Args:
        device: `cpu`, `cuda` or `cuda:N`.
        available: `onnxruntime.get_available_providers()`.
        tensorrt: TensorRT first; CUDA takes the operators that it does not know.
        half: let TensorRT compute in float16.

    Raises:
        UsageError: the name is no device.
        DeviceError: this build of ONNX Runtime has no CUDA provider.
    """
    index = device_index(device)
    if index is None:
        if tensorrt:
            raise DeviceError("TensorRT needs a GPU", mend="Say --device cuda, or leave network.runtime out")
        return ["CPUExecutionProvider"]
    if "CUDAExecutionProvider" not in available:
        raise DeviceError(
            f"the device {device!r} was asked for, but this ONNX Runtime has no CUDA provider "
            f"(it has {', '.join(available)})",
            mend="Install the GPU build with scripts/setup --gpu, or say --device cpu",
        )
    # The heuristic search is repeatable between processes; the exhaustive default times kernels and picks by luck.
    options = {"device_id": str(index), "cudnn_conv_algo_search": "HEURISTIC", "use_tf32": "0"}
    cuda: list[Any] = [("CUDAExecutionProvider", options), "CPUExecutionProvider"]
    if not tensorrt:
        return cuda
    if TENSORRT not in available:
        raise DeviceError(
            f"TensorRT was asked for, but this ONNX Runtime has no provider for it (it has {', '.join(available)})",
            mend="Install TensorRT and the GPU build of ONNX Runtime, or leave network.runtime out",
        )
    built = {
        "device_id": str(index),
        "trt_engine_cache_enable": "True",
        "trt_engine_cache_path": str(engine_folder()),
        "trt_timing_cache_enable": "True",
        "trt_timing_cache_path": str(engine_folder()),
        "trt_fp16_enable": str(half),
    }
    return [(TENSORRT, built), *cuda]


def engine_folder() -> Path:
    """Where TensorRT's engines are kept: `vfx-swap/tensorrt` in the user's cache (XDG).

    A farm whose machines are to give the same bits shares this folder: engines are tuned by timing when they are built.
    """
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "vfx-swap" / "tensorrt"


def open_session(
    graph: bytes, *, device: str, threads: int, where: object, tensorrt: bool = False, half: bool = False
) -> Any:
    """An inference session that runs on the device asked for, or an error.

    Args:
        graph: the ONNX file's bytes.
        device: `cpu`, `cuda` or `cuda:N`.
        threads: threads of one operator; operators run one after another.
        where: the file's path, for messages.
        tensorrt: on a GPU, TensorRT in place of the CUDA provider.
        half: let TensorRT compute in float16.

    Raises:
        UsageError: the name is no device.
        DeviceError: the device is not there.
        ModelMismatchError: ONNX Runtime cannot read the graph.
    """
    onnxruntime = import_onnxruntime()
    available = onnxruntime.get_available_providers()
    providers = providers_for(device, available=available, tensorrt=tensorrt, half=half)
    wanted = TENSORRT if tensorrt else "CUDAExecutionProvider"
    if tensorrt:
        engine_folder().mkdir(parents=True, exist_ok=True)
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
    if device != "cpu" and wanted not in session.get_providers():
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
