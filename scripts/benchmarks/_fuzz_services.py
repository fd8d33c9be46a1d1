"""Calls of every method of every service that say what none says; which methods there are is read from the protos."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from scripts.benchmarks.fuzz import EXTREMES, Fuzz, each
from vfx_swap.service import wire
from vfx_swap.service.shot_message import shot_to_message
from vfx_swap.service.work import OnEvent, Task

__all__ = ["ServiceFuzz", "methods", "serving_all"]

CALLS_AT_ONCE = 16
CALL_SECONDS = 0.5
"""A call that watches, or an upload that never ends, is left after this."""
TEXTS = (
    "", "a", "..", "../../etc/passwd", "/etc/passwd", "/dev/zero", "/proc/self/mem", "Z:\\show\\a.exr", "\\\\nas\\x",
    "identities/../../x", "identities/lead", "identities/", "operations/", "operations/none", "lead.identity", "a\0b",
    "1-9999999", "1-9999999y3", "1-99999999999999999999", "9-1x-3", "1-5x0", "1,,2", "-5--1", "####", "a.%04d.exr",
    "x" * 5000, "\u00e4" * 300, "\u202e", "cpu", "cuda:0", "cuda:99999999999", "NaN", '{"a": ' * 400, "' OR 1=1 --",
)  # fmt: skip
KNOWN = 8
"""In how many calls of ten a text is one that the server gave out or knows."""


def methods() -> list[tuple[str, Any, bool]]:
    """Every method: its name on the wire, the class of its request, whether the client sends a stream."""
    modules = (
        wire.frames, wire.identities, wire.models, wire.parse, wire.server, wire.shots, wire.track, wire.operations
    )  # fmt: skip
    return [
        (f"/{service.full_name}/{one.name}", GetMessageClass(one.input_type), bool(one.client_streaming))
        for module in modules
        for service in module.DESCRIPTOR.services_by_name.values()
        for one in service.methods
    ]


class ServiceFuzz(Fuzz):
    """A client that means ill, of all services.

    Args:
        channel: of `grpc.aio`, to the server.
        seed: of all that is said.
        known: messages that the server takes as they are, some of which are bent.
        words: texts that mean something to it: ids, paths.
    """

    def __init__(self, channel: Any, *, seed: int, known: Sequence[Message] = (), words: Sequence[str] = ()) -> None:
        super().__init__(channel, seed=seed)
        self._known = {type(one).DESCRIPTOR.full_name: one for one in known}
        self._words = tuple(words) or ("lead",)

    async def run(self, *, messages: int) -> None:
        """Send so many messages in all."""
        every = methods()
        while self.messages < messages:
            await asyncio.gather(*(self._call(*self._random.choice(every)) for _ in range(CALLS_AT_ONCE)))

    async def _call(self, method: str, kind: Any, streams: bool) -> None:
        sent = [self._raw(kind) for _ in range(self._random.randrange(0, 5) if streams else 1)]
        given: Any = each(sent) if streams else sent[0]
        make = self._channel.stream_stream if streams else self._channel.unary_stream
        call = make(method)(given, timeout=CALL_SECONDS)
        self.messages += len(sent)
        await self._read(call, method)  # one that answers once is read alike

    def _raw(self, kind: Any) -> bytes:
        message = kind()
        known = self._known.get(kind.DESCRIPTOR.full_name)
        if known is not None and self._random.randrange(2):
            message.CopyFrom(known)
            self._fill(message, share=0.05)
        else:
            self._fill(message, share=self._random.choice((0.1, 0.5, 0.9)))
        raw: bytes = message.SerializeToString()
        bent = self._random.randrange(6)
        if bent == 0:
            return raw[: self._random.randrange(len(raw) + 1)]
        if bent == 1 and raw:
            changed = bytearray(raw)
            for _ in range(self._random.randrange(1, 5)):
                changed[self._random.randrange(len(changed))] ^= 1 << self._random.randrange(8)
            return bytes(changed)
        return raw

    def _fill(self, message: Message, *, share: float, depth: int = 0) -> None:
        """Give some of a message's fields values that are of their type, and no more than that."""
        for field in message.DESCRIPTOR.fields:
            if self._random.random() > share:
                continue
            if field.message_type is not None:
                if field.is_repeated:
                    for _ in range(self._random.randrange(3)):
                        self._fill(getattr(message, field.name).add(), share=share, depth=depth + 1)
                elif depth < 4:
                    getattr(message, field.name).SetInParent()
                    self._fill(getattr(message, field.name), share=share, depth=depth + 1)
            elif field.is_repeated:
                count = self._random.choice((1, 2, 5, 1000))
                getattr(message, field.name).extend(self._value(field) for _ in range(count))
            else:
                setattr(message, field.name, self._value(field))

    def _value(self, field: Any) -> Any:
        kind = field.cpp_type
        if kind == FieldDescriptor.CPPTYPE_STRING:
            if field.type == FieldDescriptor.TYPE_BYTES:
                return self._random.randbytes(self._random.choice((0, 1, 1000)))
            return self._random.choice(self._words if self._random.randrange(10) < KNOWN else TEXTS)
        if kind == FieldDescriptor.CPPTYPE_BOOL:
            return bool(self._random.randrange(2))
        if kind in (FieldDescriptor.CPPTYPE_DOUBLE, FieldDescriptor.CPPTYPE_FLOAT):
            return self._random.choice((0.0, 1.0, -1.0, 1e30, -1e30, float("nan"), float("inf"), 1e-30))
        if kind == FieldDescriptor.CPPTYPE_ENUM:
            return self._random.choice((0, 1, 2, 3, 99, (1 << 31) - 1))
        signed = kind in (FieldDescriptor.CPPTYPE_INT32, FieldDescriptor.CPPTYPE_INT64)
        bits = 32 if kind in (FieldDescriptor.CPPTYPE_INT32, FieldDescriptor.CPPTYPE_UINT32) else 64
        value = self._random.choice((*EXTREMES, 2, 3)) % (1 << bits)
        return value - (1 << bits) if signed and value >= 1 << (bits - 1) else value


@contextlib.asynccontextmanager
async def serving_all(folder: Path) -> AsyncIterator[tuple[str, list[Message], list[str]]]:
    """A whole server on loopback whose workers do nothing, quickly.

    Yields:
        Its address, messages that it takes, and texts that mean something to it.
    """
    from tests.pipeline.shot_fakes import TODAY, make_shot
    from tests.service.crews import FakeCrew
    from tests.service.servers import settings_of
    from vfx_swap.service.serve.server import Server

    show = folder / "show"
    show.mkdir()
    shot = make_shot(show)
    server = Server(settings_of(show), FakeCrew(_nothing), today=lambda: TODAY)
    await server.start()
    words = [shot.plate, shot.output, shot.cast[0].identity, "lead", str(show / "plates" / "plate.1001.exr")]
    try:
        yield str(server.addresses[0]), [wire.shots.SubmitShotRequest(shot=shot_to_message(shot))], words
    finally:
        await server.stop(grace_seconds=1.0)


async def _nothing(task: Task, _: OnEvent) -> Mapping[str, Any]:
    if "out" in task.body:
        await asyncio.to_thread(Path(task.body["out"]).write_text, "{}", encoding="utf-8")
    return {"frames": [1, 2, 3], "tracks": "", "fit_frames": [], "layers": []}
