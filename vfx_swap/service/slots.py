"""Slots: shared memory that the server leases to a client on the same machine, for one stream.

A lease is a file cut into slots of equal size. The server makes it, knows every offset into it, and ends it with the
stream that took it, or when none took it in time. Clients open it and never make one; of what they say about places in
it nothing is believed.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field

from vfx_swap.errors import BusyError, LimitError, ProtocolError, RefusedError, UsageError
from vfx_swap.service import wire
from vfx_swap.service.pool import ALIGNMENT
from vfx_swap.service.shared_files import SharedFile, SharedFiles
from vfx_swap.service.work import Ref

__all__ = ["Lease", "SlotLeases"]

PAGE = 4096
"""Slots begin at a multiple of it."""
MOST_SLOTS = 64
"""Of one lease; a stream's window is smaller."""


@dataclass(eq=False)
class Lease:
    """Slots of one client, for one stream."""

    id: str
    owner: str
    """The client that asked for it: who, or the connection where nobody has a name."""
    file: SharedFile
    slot_size: int
    """Bytes."""
    slots: int
    stream: str = ""
    """The stream that took it; empty: none yet."""
    _used: dict[int, int] = field(default_factory=dict)
    """Slot -> the last sequence number it was used with."""
    _busy: set[int] = field(default_factory=set)
    expiry: asyncio.TimerHandle | None = None

    @property
    def size(self) -> int:
        """Bytes of all slots."""
        return self.slot_size * self.slots

    def begin(self, at: wire.pixels.SlotPixels, *, expected: int) -> tuple[int, Ref]:
        """Take a slot for a frame.

        Args:
            at: where the client says that the frame's pixels are.
            expected: bytes that the frame has by its windows and its pixel type.

        Returns:
            Bytes from the file's start to the pixels, and the room behind them.

        Raises:
            ProtocolError: another's lease, a slot that is not there or under way, a sequence number that is not
                higher than the slot's last, bytes that do not lie within the slot.
        """
        if at.lease_id != self.id:
            raise ProtocolError(f"lease {at.lease_id!r} is not this stream's")
        if at.slot >= self.slots:
            raise ProtocolError(f"slot {at.slot} of a lease that has {self.slots}")
        if at.slot in self._busy:
            raise ProtocolError(f"slot {at.slot} is still under way", mend="Wait for its frame's answer")
        last = self._used.get(at.slot, 0)
        if at.sequence <= last:
            raise ProtocolError(f"sequence {at.sequence} of slot {at.slot}, which was used with {last}")
        if at.size != expected:
            raise ProtocolError(f"{at.size} bytes in slot {at.slot}, where the frame has {expected}")
        if at.offset % ALIGNMENT or at.offset + at.size > self.slot_size:
            what = f"bytes {at.offset} to {at.offset + at.size} of a slot of {self.slot_size}"
            raise ProtocolError(what, mend=f"Offsets are multiples of {ALIGNMENT}, and frames lie within their slot")
        self._used[at.slot] = at.sequence
        self._busy.add(at.slot)
        start = at.slot * self.slot_size
        behind = -(-(at.offset + at.size) // ALIGNMENT) * ALIGNMENT
        room = Ref(str(self.file.path), start + behind, (max(0, self.slot_size - behind),), "uint8")
        return start + at.offset, room

    def end(self, slot: int) -> None:
        """A slot's frame is answered."""
        self._busy.discard(slot)


class SlotLeases:
    """All leases of a server.

    Args:
        files: where they are made.
        enabled: whether they are offered at all.
        limit_bytes: of all leases together.
        seconds: how long a lease stands that no stream took.
        changed: told of the bytes that are leased, for metrics.
    """

    def __init__(
        self,
        files: SharedFiles,
        *,
        enabled: bool,
        limit_bytes: int,
        seconds: float,
        changed: Callable[[int], None] = lambda _: None,
    ) -> None:
        self._files = files
        self._enabled = enabled
        self._limit = limit_bytes
        self.seconds = seconds
        self._changed = changed
        self._leases: dict[str, Lease] = {}

    @property
    def total(self) -> int:
        """Bytes that are leased."""
        return sum(lease.size for lease in self._leases.values())

    def allocate(self, *, owner: str, slot_size: int, slots: int) -> Lease:
        """A new lease; ends by itself when no stream takes it.

        Raises:
            RefusedError: shared memory is not offered.
            UsageError: no slots, or slots of no bytes.
            LimitError: more than the server leases at all.
            BusyError: more than is free now.
            OutputError: the memory cannot be had.
        """
        if not self._enabled:
            mend = "Set shared_memory.enabled in the server's file, or send chunks"
            raise RefusedError("this server does not offer shared memory", mend=mend)
        if slot_size < 1 or not 1 <= slots <= MOST_SLOTS:
            raise UsageError(f"{slots} slots of {slot_size} bytes", mend=f"Ask for 1 to {MOST_SLOTS} slots")
        slot_size = -(-slot_size // PAGE) * PAGE
        size = slot_size * slots
        if size > self._limit:
            what = f"{size} bytes were asked for, and {self._limit} is the most that is leased"
            raise LimitError(what, mend="Ask for fewer slots, or raise shared_memory.bytes")
        if size > self._limit - self.total:
            what = f"{size} bytes were asked for, and {self._limit - self.total} are free"
            raise BusyError(what, retry_seconds=5.0, mend="Ask for fewer slots, or send chunks")
        lease = Lease(secrets.token_hex(16), owner, self._files.make(size=size), slot_size, slots)
        lease.expiry = asyncio.get_running_loop().call_later(self.seconds, self._expire, lease)
        self._leases[lease.id] = lease
        self._changed(self.total)
        return lease

    def take(self, lease_id: str, *, owner: str, stream: str) -> Lease:
        """Bind a lease to a stream.

        Raises:
            ProtocolError: there is none, it is another's, or another stream has it: which of them is not told.
        """
        lease = self._leases.get(lease_id)
        if lease is None or lease.owner != owner or lease.stream:
            mend = f"Leases are for one stream, and end {self.seconds:g} s after they were given if none takes them"
            raise ProtocolError(f"no lease {lease_id[:64]!r} is free for this stream", mend=mend)
        lease.stream = stream
        _stop_clock(lease)
        return lease

    def release(self, lease_id: str, *, owner: str) -> None:
        """Give back a lease that no stream has. One that is not there any more is given back already.

        Raises:
            UsageError: a stream has it.
        """
        lease = self._leases.get(lease_id)
        if lease is None or lease.owner != owner:
            return
        if lease.stream:
            raise UsageError(f"lease {lease_id!r} is a stream's", mend="It ends with the stream")
        self.end(lease)

    def end(self, lease: Lease) -> None:
        """Free a lease's memory. No worker writes into it any more."""
        if self._leases.pop(lease.id, None) is not None:
            _stop_clock(lease)
            lease.file.close()
            self._changed(self.total)

    def stop(self) -> None:
        """End all leases."""
        for lease in tuple(self._leases.values()):
            self.end(lease)

    def _expire(self, lease: Lease) -> None:
        if not lease.stream:
            self.end(lease)


def _stop_clock(lease: Lease) -> None:
    if lease.expiry is not None:
        lease.expiry.cancel()
        lease.expiry = None
