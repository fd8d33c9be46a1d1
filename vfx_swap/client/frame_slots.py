"""Shared memory that a server leased to us: pixels go in and planes come out without the network."""

from __future__ import annotations

import mmap
import os
from typing import Any, Self

import numpy as np

from vfx_swap.errors import ProtocolError, ServerUnreachableError
from vfx_swap.service import wire
from vfx_swap.service.pool import ALIGNMENT, write_all
from vfx_swap.service.sent_frames import PIXEL_TYPES

__all__ = ["Slots", "leased", "slot_bytes"]

ROOM_PER_PIXEL = 32
"""Bytes behind the pixels for what comes back: rgb, matte and four layers as floats, were all of the plate a face."""
CHANNELS = 64
"""Of rgb, matte and every layer there is: what a small frame has room for."""
ROOM = 256 << 20
"""Bytes up to which there is room for all of them."""


def slot_bytes(pixels: np.ndarray) -> int:
    """Bytes of a slot that a frame like this one fits into, and what comes back of it.

    Planes are of the part of the plate that faces touch, so that the room is ample but for many layers of a face that
    fills a plate of 4K and more; memory that is not written to is not used up.

    Args:
        pixels: (height, width, 3).
    """
    count = int(pixels.shape[0]) * int(pixels.shape[1])
    return int(pixels.nbytes) + ALIGNMENT + min(4 * CHANNELS * count, max(ROOM, ROOM_PER_PIXEL * count))


class Slots:
    """A lease, mapped."""

    def __init__(self, lease: wire.frames.AllocateFrameSlotsResponse) -> None:
        self.lease_id = lease.lease_id
        self._size = lease.slot_size
        self._sequences = [0] * lease.slots
        self._free = list(range(lease.slots))
        try:
            self._fd = os.open(lease.path, os.O_RDWR | os.O_CLOEXEC)
        except OSError as error:
            what = f"the server's shared memory cannot be opened: {error.strerror}"
            mend = "Slots are for clients on the server's machine, run by the same user; send chunks"
            raise ServerUnreachableError(what, where=lease.path, mend=mend) from error
        self._map: mmap.mmap | None = mmap.mmap(self._fd, lease.slot_size * lease.slots, prot=mmap.PROT_READ)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        self.close()

    @property
    def count(self) -> int:
        """Slots of the lease."""
        return len(self._sequences)

    def fill(self, pixels: np.ndarray) -> wire.pixels.SlotPixels:
        """Put a frame into a free slot. There is one: no more frames are under way than there are slots.

        Raises:
            DiskFullError: the machine's shared memory is full.
        """
        slot = self._free.pop()
        self._sequences[slot] += 1
        data = pixels.reshape(-1).view(np.uint8).data
        write_all(self._fd, data, slot * self._size, where="the slot")
        return wire.pixels.SlotPixels(
            lease_id=self.lease_id, slot=slot, sequence=self._sequences[slot], offset=0, size=len(data)
        )

    def plane(self, plane: wire.pixels.Plane, shape: tuple[int, ...]) -> np.ndarray:
        """A plane that came back, where it lies: it stands until its slot is freed.

        Raises:
            ProtocolError: it does not lie in the slot.
        """
        at, dtype = plane.slot, np.dtype(PIXEL_TYPES[plane.pixel_type])
        count = int(np.prod(shape))
        fits = at.slot < self.count and at.offset + at.size <= self._size
        if (
            self._map is None
            or not fits
            or at.size != count * dtype.itemsize
            or at.sequence != self._sequences[at.slot]
        ):
            raise ProtocolError(f"plane {plane.name!r} is said to lie at {at.offset} of slot {at.slot}")
        array = np.frombuffer(self._map, dtype, count=count, offset=at.slot * self._size + at.offset)
        return array.reshape(shape)

    def free(self, slot: int) -> None:
        """The slot's frame is answered."""
        self._free.append(slot)

    def close(self) -> None:
        """Let go of the memory; the lease itself ends with the stream."""
        if self._fd >= 0:
            self._map = None  # unmapped with the last plane that looks into it
            os.close(self._fd)
            self._fd = -1


async def leased(stub: Any, *, size: int, slots: int) -> Slots:
    """A new lease of a server.

    Args:
        stub: of FrameService.
        size: bytes of a slot.
        slots: how many.

    Raises:
        grpc.aio.AioRpcError, VfxSwapError: the server does not give it.
        ServerUnreachableError: the server is on another machine.
    """
    return Slots(await stub.AllocateFrameSlots(wire.frames.AllocateFrameSlotsRequest(slot_size=size, slots=slots)))
