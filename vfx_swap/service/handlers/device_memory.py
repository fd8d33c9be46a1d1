"""When a device's memory is not enough: what is kept is let go, batches are halved, and then it is said."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from vfx_swap.errors import DeviceMemoryError

__all__ = ["in_batches", "is_out_of_memory", "with_memory"]

Item = TypeVar("Item")
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


def in_batches(
    run: Callable[[Sequence[Item]], list[Result]],
    items: Sequence[Item],
    *,
    let_go: Callable[[], None],
    device: str,
) -> list[Result]:
    """What `run` gives for all items, in their order; where memory is not enough for all at once, in halves.

    Raises:
        DeviceMemoryError: it is not enough for a single one.
    """
    if len(items) < 2:
        return with_memory(lambda: run(items), let_go=let_go, device=device)
    try:
        return run(items)
    except Exception as error:
        if not is_out_of_memory(error):
            raise
    let_go()
    half = len(items) // 2
    first = in_batches(run, items[:half], let_go=let_go, device=device)
    return first + in_batches(run, items[half:], let_go=let_go, device=device)
