"""Keeps freed memory in the process: a chunk's megabyte is used again at once, not given back and faulted in anew.

glibc serves large requests by mmap and gives the top of its heap back when it grows; building and writing one chunk of
1 MiB then takes some eight times as long, most of it in page faults (docs/performance.md). Set by mallopt(3), which is
what the environment's MALLOC_MMAP_THRESHOLD_, MALLOC_TRIM_THRESHOLD_ and MALLOC_TOP_PAD_ set at the start of a process.
"""

from __future__ import annotations

import ctypes

__all__ = ["keep_freed_memory"]

_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -2, -3, -8
"""Of glibc's malloc.h."""
_SETTINGS = (
    (_M_MMAP_THRESHOLD, 4 << 20),  # above the chunks, below the pictures: those go back when they are let go
    (_M_TRIM_THRESHOLD, 1 << 30),
    (_M_TOP_PAD, 64 << 20),
    (_M_ARENA_MAX, 2),  # each thread that ever took a picture would keep its own heap at its largest
)


def keep_freed_memory() -> bool:
    """Set it for this process. True where that was possible: with glibc; other C libraries are left as they are."""
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return False
    return all(mallopt(ctypes.c_int(name), ctypes.c_int(value)) == 1 for name, value in _SETTINGS)
