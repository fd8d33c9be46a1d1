"""Opening a torch device: the one that was asked for or an error, and the same bits in every run on it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from vfx_swap.errors import DeviceError

if TYPE_CHECKING:
    import torch
    from torch import Tensor

__all__ = ["import_torch", "inference", "open_torch", "to_device"]

WORKSPACE = ("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
"""What cuBLAS needs to sum in one order (NVIDIA, "cuBLAS", section "Results reproducibility")."""


def import_torch() -> Any:
    """The module `torch`.

    Raises:
        DeviceError: it is not installed, or does not load.
    """
    try:
        import torch
    except ImportError as error:
        missing = isinstance(error, ModuleNotFoundError) and error.name == "torch"
        what = "torch is not installed" if missing else f"torch does not load: {error}"
        raise DeviceError(what, mend="Install it with scripts/setup --neural, or say --device cpu") from error
    return torch


def open_torch(index: int | None) -> torch.device:
    """A device of torch, set to give the same bits in every run: no TF32, deterministic kernels only.

    These are settings of the whole process: torch knows no others.

    Args:
        index: the GPU's number; None: torch on the CPU, for tests and measurements.

    Raises:
        DeviceError: torch or the GPU is not there.
    """
    os.environ.setdefault(*WORKSPACE)  # before the first call into CUDA: it is read once
    torch = import_torch()
    if index is not None:
        _check_gpu(torch, index)
    torch.use_deterministic_algorithms(True)
    # Filling fresh memory is for those who read it unwritten: nothing here does.
    torch.utils.deterministic.fill_uninitialized_memory = False
    torch.set_float32_matmul_precision("highest")
    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cudnn.benchmark = False
    return torch.device("cpu") if index is None else torch.device("cuda", index)


@contextmanager
def inference(device: torch.device) -> Iterator[None]:
    """Run a network: no gradients, and on the CPU one thread.

    A convolution picks its algorithm by the count of threads, and the algorithms differ in the last bit: with one
    thread the bits are the same on every count of cores. Cores are kept busy by frames side by side.

    Args:
        device: where the network is.
    """
    torch = import_torch()
    before = torch.get_num_threads()
    alone = device.type == "cpu" and before != 1
    if alone:
        torch.set_num_threads(1)
    try:
        with torch.inference_mode():
            yield
    finally:
        if alone:
            torch.set_num_threads(before)


def to_device(array: np.ndarray, device: torch.device) -> Tensor:
    """An array as a tensor that shares no memory with it; to a GPU it goes by pinned memory, so that nobody waits."""
    import torch

    # A copy on the CPU would share it; torch warns of arrays that may not be written to, even of those it only reads.
    fresh = device.type == "cpu" or not array.flags.writeable
    here = torch.from_numpy(np.array(array) if fresh else np.ascontiguousarray(array))
    # torch keeps the pinned block until the copy is done, whoever lets go of it before.
    return here.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else here.to(device)


def _check_gpu(torch: Any, index: int) -> None:
    """
    Raises:
        DeviceError: that GPU is not there.
    """
    if torch.version.cuda is None:
        what = f"a GPU was asked for, but this torch ({torch.__version__}) is a build without CUDA"
        raise DeviceError(what, mend="Remove it and install a build with CUDA: see pytorch.org; or say --device cpu")
    if not torch.cuda.is_available():
        what = "a GPU was asked for, but the CUDA driver finds none"
        raise DeviceError(what, mend="See what nvidia-smi says; vfx-swap doctor shows more; or say --device cpu")
    count = torch.cuda.device_count()
    if index >= count:
        what = f"cuda:{index} was asked for, and the last of this machine's GPUs is cuda:{count - 1}"
        raise DeviceError(what, mend="vfx-swap doctor lists them")
