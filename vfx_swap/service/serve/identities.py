"""IdentityService: who can go in."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any, BinaryIO

from vfx_swap.errors import ConsentMissingError, LimitError, ProtocolError, UsageError
from vfx_swap.io.atomic import output_error
from vfx_swap.service import wire
from vfx_swap.service.access import Who
from vfx_swap.service.identity_store import SUFFIX, IdentityStore, KeptIdentity
from vfx_swap.service.serve.stream_parts import run_task
from vfx_swap.service.work import Crew, Task

__all__ = ["IdentityServicer"]

MOST_FILES = 64
LARGEST_PAGE = 200
RECORD_BYTES = 1 << 20


class IdentityServicer(wire.identities_grpc.IdentityServiceServicer):
    """Identities: create by upload, list, show, delete.

    Args:
        store: where they lie.
        crew: builds packs.
        upload_bytes: of one upload, at most.
        today: the day that consent is checked for.
        who: who asks, within a call.
    """

    def __init__(
        self, store: IdentityStore, crew: Crew, *, upload_bytes: int, today: Callable[[], date], who: Callable[[], Who]
    ) -> None:
        self._store = store
        self._crew = crew
        self._upload_bytes = upload_bytes
        self._today = today
        self._who = who

    async def CreateIdentity(
        self, request_iterator: AsyncIterator[wire.identities.CreateIdentityRequest], context: Any
    ) -> wire.identities.CreateIdentityResponse:
        """A pack of photographs, or one that is built; nothing is kept of an upload that is refused."""
        requests = aiter(request_iterator)
        header = await _header(requests)
        self._check(header)
        if not header.replace:  # asked again when it is kept; here so that nobody uploads for nothing
            await asyncio.to_thread(self._store.require_free, header.name)
        with self._store.upload() as folder:
            files = await _receive(requests, header, folder)
            if files[0].suffix == SUFFIX:
                pack, warnings = files[0], tuple[str, ...]()
            else:
                pack, warnings = await self._build(header, files, folder)
            kept = await asyncio.to_thread(
                self._store.keep, header.name, pack, replace=header.replace, today=self._today()
            )
        return wire.identities.CreateIdentityResponse(identity=self._message(kept, warnings=warnings))

    async def ListIdentities(
        self, request: wire.identities.ListIdentitiesRequest, context: Any
    ) -> wire.identities.ListIdentitiesResponse:
        """Every identity, by name."""
        size = min(request.page_size or LARGEST_PAGE, LARGEST_PAGE)
        kept = [one for one in await asyncio.to_thread(self._store.all) if one.name > request.page_token]
        token = kept[size - 1].name if len(kept) > size else ""
        return wire.identities.ListIdentitiesResponse(
            identities=[self._message(one) for one in kept[:size]], next_page_token=token
        )

    async def GetIdentity(
        self, request: wire.identities.GetIdentityRequest, context: Any
    ) -> wire.identities.GetIdentityResponse:
        """One identity."""
        kept = await asyncio.to_thread(self._store.get, request.name)
        return wire.identities.GetIdentityResponse(identity=self._message(kept))

    async def DeleteIdentity(
        self, request: wire.identities.DeleteIdentityRequest, context: Any
    ) -> wire.identities.DeleteIdentityResponse:
        """Forget an identity."""
        await asyncio.to_thread(self._store.forget, request.name)
        return wire.identities.DeleteIdentityResponse()

    def _check(self, header: wire.identities.IdentityHeader) -> None:
        """Refuse an upload by what it says of itself, before a byte of it is taken.

        Raises:
            VfxSwapError: the reason.
        """
        self._store.path(header.name)
        names = [one.name for one in header.files]
        if not 0 < len(names) <= MOST_FILES:
            raise UsageError(f"{len(names)} files: an identity is made of 1 to {MOST_FILES}")
        for name in names:
            if (
                not name
                or name in (".", "..")
                or "/" in name
                or "\\" in name
                or "\0" in name
                or len(name.encode()) > 255
            ):
                raise UsageError(f"{name!r} is no name of a file", mend="Give names without folders")
        if len(set(names)) != len(names):
            raise UsageError("two files have one name", mend="Rename one")
        size = sum(one.size for one in header.files)
        if size > self._upload_bytes:
            what = f"an upload of {size} bytes, and this server takes {self._upload_bytes}"
            raise LimitError(what, mend="Send fewer or smaller photographs")
        is_pack = any(name.endswith(SUFFIX) for name in names)
        if is_pack and (len(names) > 1 or header.consent_json):
            raise UsageError("a pack comes alone, with its own consent record", mend="Leave out the rest")
        if not is_pack and not header.consent_json.strip():
            what = "no consent record was sent, and no identity is built without one"
            raise ConsentMissingError(what, where=header.name, mend="Send it as consent_json (docs/identities.md)")
        if len(header.consent_json.encode()) > RECORD_BYTES:
            raise LimitError("the consent record is larger than 1 MiB")

    async def _build(
        self, header: wire.identities.IdentityHeader, files: list[Path], folder: Path
    ) -> tuple[Path, tuple[str, ...]]:
        record, out = folder / "consent.json", folder / f"built{SUFFIX}"
        await asyncio.to_thread(record.write_text, header.consent_json, encoding="utf-8")
        body = {
            "name": header.name,
            "references": [str(path) for path in files],
            "consent": str(record),
            "out": str(out),
        }
        task = Task(f"identity-{uuid.uuid4().hex[:12]}", "identity", body, self._who().name, priority="interactive")
        answer = await run_task(self._crew, task)
        return out, tuple(str(one) for one in answer.get("warnings", ()))

    def _message(self, kept: KeptIdentity, *, warnings: tuple[str, ...] = ()) -> wire.identities.Identity:
        message = wire.identities.Identity(
            name=kept.name,
            sha256=kept.sha256,
            references=kept.references,
            consent_id=kept.consent_id,
            consent_state=f"CONSENT_STATE_{kept.state(self._today()).upper()}",
            scope=kept.scope,
            warnings=warnings,
        )
        # The record holds to the end of its last day.
        message.expire_time.FromDatetime(datetime.combine(kept.expires + timedelta(days=1), time(), tzinfo=UTC))
        message.create_time.FromMicroseconds(int(kept.created * 1e6))
        return message


async def _header(requests: AsyncIterator[Any]) -> wire.identities.IdentityHeader:
    async for first in requests:
        if first.WhichOneof("message") == "header":
            header: wire.identities.IdentityHeader = first.header
            return header
        break
    raise ProtocolError("an upload begins with its header")


async def _receive(requests: AsyncIterator[Any], header: wire.identities.IdentityHeader, folder: Path) -> list[Path]:
    """The files of an upload, each of exactly the size that was said."""
    paths = [folder / f"{index:02d}" / one.name for index, one in enumerate(header.files)]
    left = [one.size for one in header.files]
    current: BinaryIO | None = None
    at = -1
    try:
        async for request in requests:
            if request.WhichOneof("message") != "chunk":
                raise ProtocolError("an upload has one header, then chunks")
            chunk = request.chunk
            if not at <= chunk.file < len(paths) or (chunk.file > at + 1):
                raise ProtocolError(f"a chunk of file {chunk.file} out of order")
            if chunk.file != at or current is None:
                if current is not None:
                    current.close()
                at = chunk.file
                current = await asyncio.to_thread(_open, paths[at])
            left[at] -= len(chunk.data)
            if left[at] < 0:
                raise ProtocolError(f"{paths[at].name} is larger than was said")
            await asyncio.to_thread(current.write, chunk.data)
    except OSError as error:
        raise output_error(error, folder) from error
    finally:
        if current is not None:
            current.close()
    short = [path.name for path, rest in zip(paths, left, strict=True) if rest]
    if short:
        raise ProtocolError(f"shorter than was said: {', '.join(short)}", mend="Send the whole file")
    return paths


def _open(path: Path) -> BinaryIO:
    path.parent.mkdir(mode=0o700)
    return path.open("xb")
