"""Devices of this machine: which there are, what they are called, how much memory they have.

GPUs are asked for through NVML where `pynvml` is installed, else through torch or onnxruntime in a process of its own:
the front never imports either, and a CUDA context in it would take memory from the workers.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import importlib.util
import json
import os
import platform
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from vfx_swap.errors import DeviceError, UsageError

__all__ = ["expand_devices", "gpu_count", "main", "memory_of", "title_of"]

PROBE_SECONDS = 120.0
"""Most that looking for GPUs may take: the first import of torch from a cold disk is slow."""
Memory = dict[str, int | float]
_CUDA = re.compile(r"cuda(?::(0|[1-9][0-9]{0,3}))?")


def expand_devices(wanted: Sequence[str]) -> tuple[str, ...]:
    """The device of every worker: `auto` is every GPU there is, else the CPU; `cuda` is the first GPU.

    Raises:
        UsageError: one is no device.
        DeviceError: a GPU that is not there.
    """
    found: list[str] = []
    for one in wanted:
        if one == "auto":
            found += [f"cuda:{index}" for index in range(gpu_count())] or ["cpu"]
        elif one == "cpu":
            found.append(one)
        else:
            found.append(f"cuda:{_gpu_index(one)}")
    return tuple(found)


def _gpu_index(text: str) -> int:
    named = _CUDA.fullmatch(text)
    if named is None:
        raise UsageError(f"no device is called {text!r}", mend="Say cpu, cuda, cuda:N or auto")
    index, count = int(named.group(1) or "0"), gpu_count()
    if index >= count:
        there = "there is none" if count == 0 else f"there are {count}"
        raise DeviceError(f"there is no GPU {index}: {there}", where=text, mend="`vfx-swap doctor` says what is here")
    return index


@functools.cache
def gpu_count() -> int:
    """How many CUDA devices workers could use: what NVML, torch or onnxruntime sees, whichever is here first."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:  # NVML does not know of it; torch does, in a process of its own
        return _probed()
    with _nvml() as nvml:
        if nvml is not None:
            return int(nvml.nvmlDeviceGetCount())
    return _probed()


def _probed() -> int:
    if not any(importlib.util.find_spec(name) for name in ("torch", "onnxruntime")):
        return 0
    command = [sys.executable, "-m", __name__]
    with contextlib.suppress(OSError, subprocess.SubprocessError, ValueError):
        done = subprocess.run(  # noqa: S603  # our own interpreter and module
            command, capture_output=True, timeout=PROBE_SECONDS, check=True, text=True
        )
        return int(json.loads(done.stdout)["gpus"])
    return 0


def main() -> None:
    """Print how many GPUs torch or onnxruntime sees; in a process of its own."""
    count = 0
    if importlib.util.find_spec("torch") is not None:
        import torch

        count = torch.cuda.device_count()
    if not count and importlib.util.find_spec("onnxruntime") is not None:
        from vfx_swap.models.runtimes.onnx_session import import_onnxruntime

        # It does not count them: one, where the provider is there and loads.
        count = int("CUDAExecutionProvider" in import_onnxruntime().get_available_providers())
    sys.stdout.write(json.dumps({"gpus": count}))


def memory_of(device: str) -> Memory:
    """Bytes of a device's memory, in all and free, and how busy it says it is (0 to 1); -1 where it does not say."""
    if device.startswith("cuda"):
        return _gpu_memory(int(device.partition(":")[2] or "0"))
    told = _meminfo()
    return {"memory_total": told.get("MemTotal", 0), "memory_free": told.get("MemAvailable", 0), "use": -1.0}


def _gpu_memory(index: int) -> Memory:
    with _nvml() as nvml:
        if nvml is not None:
            handle = nvml.nvmlDeviceGetHandleByIndex(_physical(index))
            memory = nvml.nvmlDeviceGetMemoryInfo(handle)
            use = nvml.nvmlDeviceGetUtilizationRates(handle).gpu / 100.0
            return {"memory_total": int(memory.total), "memory_free": int(memory.free), "use": use}
    torch: Any = sys.modules.get("torch")  # only where it is at work already
    if torch is not None and torch.cuda.is_initialized():
        free, total = torch.cuda.mem_get_info(index)
        return {"memory_total": int(total), "memory_free": int(free), "use": -1.0}
    return {"memory_total": 0, "memory_free": 0, "use": -1.0}


def _physical(index: int) -> int:
    """NVML counts all GPUs; CUDA those in CUDA_VISIBLE_DEVICES."""
    visible = [one for one in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if one.strip().isdecimal()]
    return int(visible[index]) if index < len(visible) else index


def _meminfo() -> dict[str, int]:
    found: dict[str, int] = {}
    with contextlib.suppress(OSError, ValueError):
        for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
            key, _, rest = line.partition(":")
            if key in ("MemTotal", "MemAvailable"):
                found[key] = int(rest.split()[0]) * 1024
    return found


def title_of(device: str) -> str:
    """What the hardware calls itself; empty where it does not say."""
    if device.startswith("cuda"):
        index = int(device.partition(":")[2] or "0")
        with _nvml() as nvml:
            if nvml is not None:
                name = nvml.nvmlDeviceGetName(nvml.nvmlDeviceGetHandleByIndex(_physical(index)))
                return name.decode() if isinstance(name, bytes) else str(name)
        return ""
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor()


@contextlib.contextmanager
def _nvml() -> Iterator[Any]:
    """NVML's bindings, begun; None where they, or the driver, are not here."""
    if importlib.util.find_spec("pynvml") is None:
        yield None
        return
    pynvml: Any = importlib.import_module("pynvml")  # no dependency of ours: used where it is here
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        yield None
        return
    try:
        yield pynvml
    finally:
        pynvml.nvmlShutdown()


if __name__ == "__main__":
    main()
