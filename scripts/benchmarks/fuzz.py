"""Malformed, cut and misplaced messages against a live server on loopback: no crash, no leak.

    scripts/bench fuzz [--messages 10000] [--seed 1]

Every stream is made of good messages of which some are changed: bits flipped, ends cut off, whole messages swapped,
repeated, left out, numbers replaced by their extremes, or bytes that never were a message. The server must end each
stream with a status that is not its own fault, serve a good stream afterwards, and hold no more files, working folders
or shared memory than before. Then every method of every service is called with fields that are of their type and no
more than that: numbers at their ends, paths that lead out, ranges of millions, ids of nothing.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import grpc

from vfx_swap.service import wire
from vfx_swap.service.codec import Chunk, ChunkCodec, checksum

__all__ = ["EXTREMES", "Fuzz", "each", "main"]

Request = wire.frames.ProcessFramesRequest
METHODS = (
    "/vfx_swap.v1.FrameService/ProcessFrames",
    "/vfx_swap.v1.ParseService/ParseFrames",
    "/vfx_swap.v1.TrackService/TrackPlate",
)
STREAMS_AT_ONCE = 8
STREAM_SECONDS = 10.0
FAULTS = {grpc.StatusCode.UNKNOWN, grpc.StatusCode.INTERNAL, grpc.StatusCode.UNAVAILABLE}
"""Statuses that say that the server broke."""
RACE = "Internal error from Core"
"""What gRPC's own client says in place of the server's status where it was still writing when that came."""
EXTREMES = (0, 1, 127, 128, (1 << 31) - 1, 1 << 31, (1 << 32) - 1, 1 << 63, (1 << 64) - 1)


class Fuzz:
    """A client that means ill.

    Args:
        channel: of `grpc.aio`, to the server.
        seed: of all that is changed.
    """

    def __init__(self, channel: Any, *, seed: int) -> None:
        self._channel = channel
        self._random = random.Random(seed)  # no secret
        self.messages = 0
        self.statuses: Counter[str] = Counter()
        self.internal: list[str] = []
        """What the server said where it broke."""

    async def run(self, *, messages: int) -> None:
        """Send so many messages in all, in streams of a few."""
        while self.messages < messages:
            await asyncio.gather(*(self._stream() for _ in range(STREAMS_AT_ONCE)))

    async def is_alive(self) -> bool:
        """Whether a good stream is answered."""
        call = self._channel.stream_stream(METHODS[0])
        answers = [one async for one in call(each(_good(1)))]
        return any(wire.frames.ProcessFramesResponse.FromString(one).frame.HasField("done") for one in answers)

    @staticmethod
    def open_files() -> int:
        """Files that this process has open."""
        return len(os.listdir("/proc/self/fd"))

    async def _stream(self) -> None:
        raw = self._changed(_good(self._random.randrange(1, 4)))
        method = self._random.choices(METHODS, (8, 1, 1))[0]
        call = self._channel.stream_stream(method)(each(raw), timeout=STREAM_SECONDS)
        await self._read(call, method)
        self.messages += len(raw)

    async def _read(self, call: Any, method: str) -> None:
        """Read answers to the end, or go away after the first; how the call ended is counted."""
        leaves = self._random.random() < 0.1
        try:
            async for _ in call:
                if leaves:
                    call.cancel()
                    break
            self.statuses["OK"] += 1
        except grpc.aio.AioRpcError as error:
            self.statuses[error.code().name] += 1
            if error.code() in FAULTS and error.details() != RACE:
                self.internal.append(f"{method}: {error.code().name}: {error.details()}")
        except asyncio.CancelledError:
            self.statuses["CANCELLED"] += 1

    def _changed(self, messages: list[bytes]) -> list[bytes]:
        given = list(messages)
        for _ in range(self._random.choice((1, 1, 1, 2, 4))):
            at = self._random.randrange(len(given))
            kind = self._random.randrange(8)
            if kind == 0:
                given[at] = given[at][: self._random.randrange(len(given[at]) + 1)]
            elif kind == 1:
                given[at] = self._flipped(given[at])
            elif kind == 2:
                given[at] = self._random.randbytes(self._random.choice((0, 1, 3, 40, 4000)))
            elif kind == 3:
                other = self._random.randrange(len(given))
                given[at], given[other] = given[other], given[at]
            elif kind == 4:
                given.insert(at, given[self._random.randrange(len(given))])
            elif kind == 5 and len(given) > 1:
                del given[at]
            elif kind == 6:
                given[at] = self._extreme()
            else:
                given[at] += self._random.randbytes(self._random.randrange(1, 30))
        return given

    def _flipped(self, raw: bytes) -> bytes:
        changed = bytearray(raw)
        for _ in range(self._random.randrange(1, 6) if changed else 0):
            changed[self._random.randrange(min(len(changed), 400))] ^= 1 << self._random.randrange(8)
        return bytes(changed)

    def _extreme(self) -> bytes:
        """A message that is well formed, and says what none says."""

        def pick(bits: int) -> int:
            return self._random.choice(EXTREMES) % (1 << bits)

        window = wire.pixels.Window(x=_signed(pick(32)), y=0, width=_signed(pick(32)), height=_signed(pick(32)))
        slot = wire.pixels.SlotPixels(lease_id="x", slot=pick(32), sequence=pick(64), offset=pick(64), size=pick(64))
        header = wire.pixels.FrameHeader(
            frame=_signed(pick(32)), data_window=window, display_window=window, pixel_type="PIXEL_TYPE_HALF"
        )
        if self._random.random() < 0.5:
            header.slot.CopyFrom(slot)
        else:
            header.inline.size = pick(64)
        chunk = wire.pixels.FrameChunk(frame=_signed(pick(32)), plane=pick(32), offset=pick(64), data=b"x")
        end = wire.pixels.FrameEnd(frame=_signed(pick(32)), crc32c=pick(32))
        message = self._random.choice((Request(frame=header), Request(chunk=chunk), Request(end=end)))
        return message.SerializeToString()


def _signed(value: int) -> int:
    return value - (1 << 32) if value >= 1 << 31 else value


def _good(frames: int) -> list[bytes]:
    """A stream that is answered: a session in which every frame is a still, and frames of 16 by 8 pixels."""
    shot = wire.shot.Shot(name="fuzz", cast=[wire.shot.Cast(identity="/packs/lead.identity")])
    codec, data = ChunkCodec(Request), bytes(range(256)) * 3
    window = wire.pixels.Window(width=16, height=8)
    messages: list[Any] = [Request(session=wire.frames.FrameSession(shot=shot, mode="FRAME_MODE_STILLS"))]
    for number in range(1, frames + 1):
        header = wire.pixels.FrameHeader(
            frame=number, data_window=window, display_window=window, pixel_type="PIXEL_TYPE_HALF"
        )
        header.inline.size = len(data)
        messages += [Request(frame=header), Chunk(number, 0, 0, data[:500]), Chunk(number, 0, 500, data[500:])]
        messages.append(Request(end=wire.pixels.FrameEnd(frame=number, crc32c=checksum(data))))
    return [codec.encode(message) for message in messages]


async def each(messages: Sequence[bytes]) -> AsyncIterator[bytes]:
    """A stream of them."""
    for message in messages:
        yield message


async def _fuzz_services(messages: int, seed: int, folder: Path) -> None:
    from scripts.benchmarks._fuzz_services import ServiceFuzz, methods, serving_all

    start = time.perf_counter()
    async with serving_all(folder) as (address, known, words), grpc.aio.insecure_channel(address) as channel:
        fuzz = ServiceFuzz(channel, seed=seed, known=known, words=words)
        await fuzz.run(messages=messages)
    print(f"{fuzz.messages} messages in {sum(fuzz.statuses.values())} calls of {len(methods())} methods, seed {seed}")
    print(f"  {time.perf_counter() - start:.0f} s; calls ended with {dict(fuzz.statuses.most_common())}")
    for text in fuzz.internal[:10]:
        print(f"  broke: {text}")
    if fuzz.internal:
        raise SystemExit(1)


async def _fuzz(messages: int, seed: int, folder: Path) -> None:
    from tests.service.pixel_server import memory_files, serving

    async with serving(folder) as server:
        fuzz = Fuzz(server.channel, seed=seed)
        await fuzz.run(messages=min(1000, messages))
        files, start = fuzz.open_files(), time.perf_counter()
        await fuzz.run(messages=messages)
        alive = await fuzz.is_alive()
        await server.streams.scratch.settled()
        print(f"{fuzz.messages} messages in {sum(fuzz.statuses.values())} streams, seed {seed}")
        print(f"  {time.perf_counter() - start:.0f} s; streams ended with {dict(fuzz.statuses.most_common())}")
        print(f"  open files {files} -> {fuzz.open_files()}; shared memory left: {len(memory_files(server))} files")
        print(f"  working folders left: {len(list(server.scratch.iterdir()))}; serves afterwards: {alive}")
        for text in fuzz.internal[:10]:
            print(f"  broke: {text}")
        if fuzz.internal or not alive or memory_files(server):
            raise SystemExit(1)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run it and say what came of it; exit code 1 where the server broke."""
    parser = argparse.ArgumentParser(prog="scripts/bench fuzz", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--messages", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(_fuzz(given.messages, given.seed, Path(folder)))
        asyncio.run(_fuzz_services(given.messages, given.seed, Path(folder)))


if __name__ == "__main__":
    main()
