"""The client, once: asynchronous, over whatever stubs it is given. `Client` beside it is the same for plain code."""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Self, TypeVar

import grpc

from vfx_swap.client.messages import event_of, identity_of, job_of, model_of, options_of, report_of, server_of
from vfx_swap.client.retry import Patience, called, error_of_call, is_worth_retrying
from vfx_swap.client.stubs import Stubs
from vfx_swap.client.values import (
    IdentityInfo,
    Job,
    JobEvent,
    JobState,
    ModelInfo,
    Options,
    RenderReport,
    ServerInfo,
)
from vfx_swap.errors import (
    CancelledError,
    MissingInputError,
    ProtocolError,
    ServerUnreachableError,
    VfxSwapError,
)
from vfx_swap.service import wire
from vfx_swap.service.shot_message import shot_to_message, values_to_message
from vfx_swap.settings import Shot

__all__ = ["AsyncClient"]

Value = TypeVar("Value")
CALL_SECONDS = 60.0
"""For a call that answers once."""
FOLLOWED = 8
"""Times the patience of a call that a job is followed with: a server that is restarted is away for longer than one is
worth. Some three minutes by default."""
UPLOAD_CHUNK = 1 << 19


class AsyncClient:
    """A server, or this process acting as one.

    Made by `vfx_swap.client.connect` and `vfx_swap.client.in_process`; used in an `async with`, or closed.

    Args:
        stubs: the services.
        close: lets go of what is behind them.
        patience: for calls that may be made again.
    """

    def __init__(self, stubs: Stubs, *, close: Callable[[], Awaitable[None]], patience: Patience | None = None) -> None:
        self.stubs = stubs
        self._close = close
        self._patience = patience or Patience()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: object, error: object, trace: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Let go of the connection; jobs go on."""
        await self._close()

    async def info(self) -> ServerInfo:
        """What the server is, and who it takes us for."""
        return server_of(await self._call(self.stubs.server.GetServerInfo, wire.server.GetServerInfoRequest()))

    async def submit(
        self,
        shot: Shot | Mapping[str, Any],
        *,
        frames: str = "",
        chunk_size: int = 0,
        priority: Literal["batch", "interactive"] = "batch",
        overwrite: bool = False,
        request_id: str | None = None,
    ) -> Job:
        """Give a shot to the server; it is rendered whether or not we stay.

        Args:
            shot: settings, or the values of a shot file; paths as the server reads them, or as it maps them.
            frames: these of the shot's frames; empty: all.
            chunk_size: frames of a chunk; 0: the server's choice.
            priority: interactive goes before batch.
            overwrite: render frames even where they are current.
            request_id: the same id with the same shot is the same job; None: a new one.

        Raises:
            SettingsError: every problem of the shot.
            RefusedError: consent, paths, roles.
            VfxSwapError: as the server says.
        """
        message = shot_to_message(shot) if isinstance(shot, Shot) else values_to_message(shot)
        request = wire.shots.SubmitShotRequest(
            shot=message,
            request_id=request_id or str(uuid.uuid4()),  # so that a try whose answer was lost makes no second job
            frames=frames,
            chunk_size=chunk_size,
            priority=f"PRIORITY_{priority.upper()}",
            overwrite=overwrite,
        )
        operation = await self._call(self.stubs.shots.SubmitShot, request)
        job = wire.shots.Job()
        operation.metadata.Unpack(job)
        return job_of(job)

    async def job(self, job: str) -> Job:
        """A job as it stands.

        Raises:
            JobMissingError: there is none of that id.
        """
        return job_of((await self._call(self.stubs.shots.GetJob, wire.shots.GetJobRequest(id=job))).job)

    async def jobs(self, *, states: Sequence[JobState] = (), limit: int = 50) -> tuple[Job, ...]:
        """Jobs, newest first."""
        found: list[Job] = []
        token = ""
        while len(found) < limit:
            request = wire.shots.ListJobsRequest(
                page_size=min(200, limit - len(found)),
                page_token=token,
                states=[f"JOB_STATE_{state.upper()}" for state in states],
            )
            answer = await self._call(self.stubs.shots.ListJobs, request)
            found += [job_of(one) for one in answer.jobs]
            token = answer.next_page_token
            if not token:
                break
        return tuple(found)

    async def cancel(self, job: str) -> Job:
        """End a job; frames in hand are finished, what is written stays."""
        return job_of((await self._call(self.stubs.shots.CancelJob, wire.shots.CancelJobRequest(id=job))).job)

    async def resume(self, job: str) -> Job:
        """Go on with a job that failed or was cancelled."""
        return job_of((await self._call(self.stubs.shots.ResumeJob, wire.shots.ResumeJobRequest(id=job))).job)

    async def watch(self, job: str, *, after: int = 0) -> AsyncIterator[JobEvent]:
        """Every event after a number, and those to come, until the job has ended.

        A stream that breaks is taken up again after the last event that came, for as long as patience lasts.

        Raises:
            VfxSwapError: there is no such job, or the server stays away.
        """
        tries = 0
        while True:
            try:
                request = wire.shots.WatchJobRequest(id=job, after=after)
                async for answer in self.stubs.shots.WatchJob(request):
                    after, tries = answer.event.number, 0
                    yield event_of(answer.event)
                if job_of((await self.stubs.shots.GetJob(wire.shots.GetJobRequest(id=job))).job).ended:
                    return
                # The server closed the stream because it goes down: it comes back, and the job with it.
                error: VfxSwapError = ServerUnreachableError("the server went down")
            except (grpc.aio.AioRpcError, VfxSwapError) as failed:
                error = failed if isinstance(failed, VfxSwapError) else error_of_call(failed)
                if not is_worth_retrying(error):
                    raise error from failed
            tries += 1
            if tries >= FOLLOWED * self._patience.tries:
                mend = f"The job goes on when the server is back: vfx-swap jobs watch {job}"
                raise ServerUnreachableError(error.what, where=f"job {job}", mend=mend)
            await self._patience.sleep(self._patience.wait_seconds(tries, error))

    async def result(self, job: str) -> RenderReport:
        """What a job that has ended did.

        Raises:
            FramesFailedError: some frames failed, each named; the others are written.
            CancelledError: it was cancelled.
            VfxSwapError: it failed.
        """
        request = wire.operations.GetOperationRequest(name=f"operations/{job}")
        operation = await self._call(self.stubs.operations.GetOperation, request)
        if not operation.done:
            raise ProtocolError(f"job {job} has not ended", mend="Watch it to its end first")
        return report_of(operation)

    async def render(
        self,
        shot: Shot | Mapping[str, Any],
        *,
        progress: Callable[[JobEvent], None] | None = None,
        cancelled: Callable[[], bool] | None = None,
        **how: Any,
    ) -> RenderReport:
        """Submit a shot and stay until it is done.

        Args:
            shot: as `submit`.
            progress: told of every event.
            cancelled: asked several times a second; True cancels the job.
            how: as `submit`.

        Raises:
            CancelledError: it was cancelled.
            VfxSwapError: as `submit` and `result` say.
        """
        job = await self.submit(shot, **how)
        asking = asyncio.create_task(self._ask(job.id, cancelled)) if cancelled is not None else None
        try:
            async for event in self.watch(job.id):
                if progress is not None:
                    progress(event)
        except asyncio.CancelledError:
            with contextlib.suppress(VfxSwapError):
                await asyncio.shield(self.cancel(job.id))
            raise
        finally:
            if asking is not None:
                asking.cancel()
                await asyncio.gather(asking, return_exceptions=True)
        if (await self.job(job.id)).state == "cancelled":
            raise CancelledError("the job was cancelled", where=f"job {job.id}", mend="What is written stays")
        return await self.result(job.id)

    async def _ask(self, job: str, cancelled: Callable[[], bool]) -> None:
        while not cancelled():  # noqa: ASYNC110  # a plain callable, such as a signal's flag, can only be asked
            await asyncio.sleep(0.1)
        await self.cancel(job)

    async def identities(self) -> tuple[IdentityInfo, ...]:
        """Identities that the server keeps."""
        found, token = list[IdentityInfo](), ""
        while True:
            request = wire.identities.ListIdentitiesRequest(page_size=200, page_token=token)
            answer = await self._call(self.stubs.identities.ListIdentities, request)
            found += [identity_of(one) for one in answer.identities]
            token = answer.next_page_token
            if not token:
                return tuple(found)

    async def identity(self, name: str) -> IdentityInfo:
        """One identity, by `identities/NAME` or NAME."""
        request = wire.identities.GetIdentityRequest(name=_resource(name))
        return identity_of((await self._call(self.stubs.identities.GetIdentity, request)).identity)

    async def create_identity(
        self, name: str, files: Sequence[Path], *, consent_json: str = "", replace: bool = False
    ) -> IdentityInfo:
        """Build an identity on the server from photographs, or give it a pack that is built.

        Args:
            name: letters, digits, `-`, `_` and `.`.
            files: photographs, or one `.identity` pack.
            consent_json: the consent record; empty with a pack, which carries its own.
            replace: take the place of an identity of this name.

        Raises:
            MissingInputError: a file is not there.
            VfxSwapError: as the server says.
        """
        header = wire.identities.IdentityHeader(name=name, consent_json=consent_json, replace=replace)
        for path in files:
            if not path.is_file():
                raise MissingInputError("there is no such file", where=path)
            header.files.add(name=path.name, size=path.stat().st_size)
        call = self.stubs.identities.CreateIdentity
        answer = await self._guarded(lambda: call(_upload(header, files)))
        return identity_of(answer.identity)

    async def delete_identity(self, name: str) -> None:
        """Forget an identity: its pack is removed from the server."""
        request = wire.identities.DeleteIdentityRequest(name=_resource(name))
        await self._call(self.stubs.identities.DeleteIdentity, request)

    async def models(self) -> tuple[ModelInfo, ...]:
        """Model cards on the server."""
        answer = await self._call(self.stubs.models.ListModels, wire.models.ListModelsRequest())
        return tuple(model_of(one) for one in answer.models)

    async def options(self) -> Options:
        """Engines and knobs: what a host builds its panel from."""
        return options_of(await self._call(self.stubs.models.DescribeOptions, wire.models.DescribeOptionsRequest()))

    async def load_model(self, model: str, *, device: str = "") -> tuple[str, ...]:
        """Load a model before it is needed; where it is loaded now."""
        request = wire.models.LoadModelRequest(id=model, device=device)
        return tuple((await self._call(self.stubs.models.LoadModel, request, seconds=600.0)).loaded_on)

    async def unload_model(self, model: str, *, device: str = "") -> None:
        """Free the memory that a model takes."""
        await self._call(self.stubs.models.UnloadModel, wire.models.UnloadModelRequest(id=model, device=device))

    async def _call(self, method: Any, request: Any, *, seconds: float = CALL_SECONDS) -> Any:
        return await called(lambda: method(request, timeout=seconds), patience=self._patience)

    async def _guarded(self, call: Callable[[], Awaitable[Value]]) -> Value:
        """One try of a call that cannot be made again as it is."""
        try:
            return await call()
        except grpc.aio.AioRpcError as failed:
            raise error_of_call(failed) from failed


def _resource(name: str) -> str:
    return name if name.startswith("identities/") else f"identities/{name}"


async def _upload(header: wire.identities.IdentityHeader, files: Sequence[Path]) -> AsyncIterator[Any]:
    yield wire.identities.CreateIdentityRequest(header=header)
    for index, path in enumerate(files):
        for data in _pieces(path):
            chunk = wire.identities.FileChunk(file=index, data=data)
            yield wire.identities.CreateIdentityRequest(chunk=chunk)


def _pieces(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while piece := file.read(UPLOAD_CHUNK):
            yield piece
