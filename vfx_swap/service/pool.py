"""Pixels between processes of one machine: files in shared memory, and references into them.

The front makes files, workers open them by name; names are never used twice. Python's own
`multiprocessing.shared_memory` is not used: until 3.13 its tracker unlinks segments that others still hold
(https://github.com/python/cpython/issues/82300). What is written goes by `pwrite`, which says when memory is full;
a store into a mapping would kill the process then (SIGBUS).
"""

from __future__ import annotations

import errno
import math
import mmap
import os
import threading
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, Literal, TypeAlias, cast

import numpy as np

from vfx_swap.errors import DiskFullError, LimitError, OutputError, ProtocolError
from vfx_swap.service.work import Ref

__all__ = ["ALIGNMENT", "PIXEL_DTYPES", "Buffer", "OpenFiles", "PixelDtype", "ref_bytes", "ref_from_json", "write_all"]

ALIGNMENT = 64
"""Bytes that arrays begin at a multiple of: a cache line."""
Buffer: TypeAlias = bytes | bytearray | memoryview
"""Bytes, read-only or not."""
PixelDtype: TypeAlias = Literal["float16", "float32", "uint8", "uint16"]
PIXEL_DTYPES: tuple[PixelDtype, ...] = ("float16", "float32", "uint8", "uint16")
"""What pixels may be."""
OPEN_FILES = 64
"""Files that a process keeps mapped."""


def ref_from_json(value: Any) -> Ref:
    """What `Ref.to_json` gave.

    Raises:
        ProtocolError: it is not that.
    """
    try:
        ref = Ref(str(value["pool"]), int(value["offset"]), tuple(int(n) for n in value["shape"]), value["dtype"])
    except (KeyError, TypeError, ValueError) as error:
        raise ProtocolError(f"no reference to pixels: {value!r}"[:200]) from error
    if ref.dtype not in PIXEL_DTYPES or ref.offset < 0 or min(ref.shape, default=0) < 0:
        raise ProtocolError(f"no reference to pixels: {value!r}"[:200])
    return ref


def ref_bytes(ref: Ref) -> int:
    """Bytes of the array that is referred to."""
    return math.prod(ref.shape) * np.dtype(ref.dtype).itemsize


class OpenFiles:
    """Files of shared memory that a process has open: what workers read from and write into. Safe in threads.

    Mappings are kept, since pages that are mapped anew are dear; the least used go first. Files that were deleted are
    let go by `forget`, or with the next that is opened: until then their memory is not free. Arrays that were given out
    hold their mapping by themselves.
    """

    def __init__(self, *, keep: int = OPEN_FILES) -> None:
        self._keep = keep
        self._open: OrderedDict[str, _OpenFile] = OrderedDict()
        self._lock = threading.RLock()

    def read(self, ref: Ref) -> np.ndarray:
        """The array, read-only and not copied: it stands as long as the frame is under way.

        Raises:
            OutputError: the file is gone, or ends before the array does.
        """
        if not ref_bytes(ref):  # of a frame without faces; nothing was written, and nothing can be mapped
            return np.empty(ref.shape, ref.dtype)
        with self._lock:
            view = self._file(ref.pool).view(ref.offset + ref_bytes(ref))
        array = np.frombuffer(view, np.dtype(ref.dtype), count=math.prod(ref.shape), offset=ref.offset)
        return array.reshape(ref.shape)

    def lay(self, room: Ref, planes: Mapping[str, np.ndarray]) -> dict[str, Ref]:
        """Write arrays one after the other into a room; the file grows where it ends before.

        Args:
            room: where: so many bytes.
            planes: name -> array of half, float, 8 or 16 bits.

        Raises:
            LimitError: they are larger than the room.
            DiskFullError: memory is full.
            OutputError: the file is gone.
        """
        refs, offset = dict[str, Ref](), room.offset
        for name, plane in planes.items():
            offset = -(-offset // ALIGNMENT) * ALIGNMENT
            refs[name] = Ref(room.pool, offset, plane.shape, cast("PixelDtype", plane.dtype.name))
            offset += plane.nbytes
        if offset > room.offset + ref_bytes(room):
            what = f"the answer's planes take {offset - room.offset} bytes, and there is room for {ref_bytes(room)}"
            raise LimitError(what, mend="Ask for fewer layers, or lease larger slots")
        with self._lock:
            file = self._file(room.pool)
        for name, ref in refs.items():
            file.write(planes[name], ref.offset)
        return refs

    def forget(self) -> None:
        """Let go of files that were deleted; nobody reads or writes them any more."""
        with self._lock:
            for gone in [name for name, one in self._open.items() if one.deleted]:
                self._open.pop(gone).close()

    def close(self) -> None:
        """Let go of all files; arrays that were given out stay valid."""
        with self._lock:
            for one in self._open.values():
                one.close()
            self._open.clear()

    def _file(self, path: str) -> _OpenFile:
        found = self._open.get(path)
        if found is None:
            self.forget()
            while len(self._open) >= self._keep:
                self._open.popitem(last=False)[1].close()
            found = self._open[path] = _OpenFile(path)
        self._open.move_to_end(path)
        return found


class _OpenFile:
    """One file by its name."""

    def __init__(self, path: str) -> None:
        self._path = path
        try:
            self._fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        except OSError as error:
            raise OutputError(f"shared memory cannot be opened: {error.strerror}", where=path) from error
        self._map: mmap.mmap | None = None

    @property
    def deleted(self) -> bool:
        return os.fstat(self._fd).st_nlink == 0

    def view(self, size: int) -> memoryview:
        """Read-only view of at least `size` bytes; mapped anew where the file has grown."""
        if self._map is None or len(self._map) < size:
            there = os.fstat(self._fd).st_size
            if there < size:
                raise OutputError(f"shared memory ends after {there} bytes, before {size}", where=self._path)
            self._map = mmap.mmap(self._fd, there, flags=mmap.MAP_SHARED, prot=mmap.PROT_READ)
        return memoryview(self._map)

    def write(self, plane: np.ndarray, offset: int) -> None:
        data = np.ascontiguousarray(plane).reshape(-1).view(np.uint8).data
        write_all(self._fd, data, offset, where=self._path)

    def close(self) -> None:
        self._map = None  # unmapped with the last array that looks into it
        os.close(self._fd)


def write_all(fd: int, data: Buffer, offset: int, *, where: object) -> None:
    """`pwrite` all of it.

    Raises:
        DiskFullError: memory is full.
        OutputError: it cannot be written.
    """
    view, done = memoryview(data), 0
    while done < len(view):
        try:
            done += os.pwrite(fd, view[done:], offset + done)
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                mend = "Fewer or smaller frames at once, or more of it (docker run --shm-size)"
                raise DiskFullError("shared memory is full", where=where, mend=mend) from error
            raise OutputError(f"cannot be written: {error.strerror}", where=where) from error
