"""When a device's memory is not enough: what is kept is let go, and then it is said."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from vfx_swap.errors import DeviceMemoryError

__all__ = ["is_out_of_memory", "with_memory"]

Result = TypeVar("Result")
SIGNS = (
    "out of memory",  # torch.cuda.OutOfMemoryError, cudaErrorMemoryAllocation
    "failed to allocate memory",  # onnxruntime's arenas
    "cublas_status_alloc_failed",
    "cudnn_status_alloc_failed",
)
"""What libraries say, in lower case: most raise a plain RuntimeError."""


def is_out_of_memory(error: BaseException | None) -> bool:
    """Whether an error, or what it came from, is for lack of a device's memory."""
    while error is not None:
        text = str(error).lower()
        # onnxruntime's errors are Exceptions of its own, of a type that is not public.
        ours = isinstance(error, RuntimeError) or type(error).__module__.startswith("onnxruntime")
        if isinstance(error, MemoryError) or (ours and any(sign in text for sign in SIGNS)):
            return True
        error = error.__cause__
    return False


def with_memory(run: Callable[[], Result], *, let_go: Callable[[], None], device: str) -> Result:
    """What `run` gives; where memory is not enough, once more after `let_go`.

    Raises:
        DeviceMemoryError: it is not enough then either.
    """
    try:
        return run()
    except Exception as error:
        if not is_out_of_memory(error):
            raise
    # Outside of the handler: the error's traceback holds what the first attempt had allocated.
    let_go()
    try:
        return run()
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        what = f"the memory of {device} is not enough, with everything else let go: {error}"
        mend = "Use a smaller network.batch, pixel_boost or plate, or a device with more memory"
        raise DeviceMemoryError(what, where=device, mend=mend) from error
