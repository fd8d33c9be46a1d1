"""Devices by name: what `--device` says becomes one worker each, or an error that names it."""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import Any

import pytest

from vfx_swap.errors import DeviceError, UsageError
from vfx_swap.service import device_state
from vfx_swap.service.device_state import expand_devices, memory_of, title_of


def with_gpus(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    """A machine with so many."""
    monkeypatch.setattr(device_state, "gpu_count", lambda: count)


def test_auto_is_every_gpu_else_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    with_gpus(monkeypatch, 2)
    assert expand_devices(["auto"]) == ("cuda:0", "cuda:1")
    assert expand_devices(["cuda:1", "cpu", "cuda"]) == ("cuda:1", "cpu", "cuda:0")
    with_gpus(monkeypatch, 0)
    assert expand_devices(["auto"]) == ("cpu",)
    assert expand_devices(["cpu", "cpu"]) == ("cpu", "cpu")


@pytest.mark.parametrize("name", ["gpu", "cuda:", "cuda:x", "cuda:-1", "cuda:01", "cpu:0", ""])
def test_what_is_no_device_is_refused(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    with_gpus(monkeypatch, 2)
    with pytest.raises(UsageError, match="no device is called"):
        expand_devices([name])


def test_a_gpu_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with_gpus(monkeypatch, 2)
    with pytest.raises(DeviceError, match="there are 2") as caught:
        expand_devices(["cuda:2"])
    assert caught.value.where == "cuda:2"
    with_gpus(monkeypatch, 0)
    with pytest.raises(DeviceError, match="there is none"):
        expand_devices(["cuda"])


def test_the_cpu_tells_its_memory_and_name() -> None:
    told = memory_of("cpu")
    assert 0 < told["memory_free"] <= told["memory_total"]
    assert title_of("cpu")


def nvml_of(opened: list[int]) -> Any:
    """Two GPUs as pynvml tells of them."""
    return SimpleNamespace(
        NVMLError=RuntimeError,
        nvmlInit=lambda: opened.append(1),
        nvmlShutdown=opened.pop,
        nvmlDeviceGetCount=lambda: 2,
        nvmlDeviceGetHandleByIndex=lambda index: index,
        nvmlDeviceGetMemoryInfo=lambda handle: SimpleNamespace(total=1000 * (handle + 1), free=100),
        nvmlDeviceGetUtilizationRates=lambda _: SimpleNamespace(gpu=50),
        nvmlDeviceGetName=lambda handle: f"GPU {handle}".encode(),
    )


def test_gpus_tell_of_themselves_through_nvml(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[int] = []
    monkeypatch.setitem(sys.modules, "pynvml", nvml_of(opened))
    monkeypatch.setattr("importlib.util.find_spec", lambda name: name == "pynvml" or None)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    device_state.gpu_count.cache_clear()
    assert device_state.gpu_count() == 2
    assert memory_of("cuda:1") == {"memory_total": 2000, "memory_free": 100, "use": 0.5}
    assert title_of("cuda:1") == "GPU 1"
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")  # the first that CUDA sees is NVML's second
    assert memory_of("cuda:0")["memory_total"] == 2000
    assert opened == []
    device_state.gpu_count.cache_clear()
