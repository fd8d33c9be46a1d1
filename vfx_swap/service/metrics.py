"""What the server counts, for Prometheus: in a registry of its own, so that two servers in one process stay apart."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, get_args

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import choose_encoder

from vfx_swap.errors import (
    BusyError,
    ConsentExpiredError,
    ConsentMissingError,
    ConsentRevokedError,
    ConsentScopeError,
    ConsentSignatureError,
    DiskFullError,
    LimitError,
    ProtocolError,
    RefusedError,
)

if TYPE_CHECKING:
    from vfx_swap.service.work import DeviceState

__all__ = ["Direction", "Metrics", "Stage", "Transport"]

Stage: TypeAlias = Literal["queue", "decode", "infer", "encode"]
"""Where the time of a task goes: waiting, reading, computing, writing."""
Transport: TypeAlias = Literal["shared_memory", "chunks"]
"""Those whose bytes pass through the front; files are read and written by workers."""
Direction: TypeAlias = Literal["in", "out"]

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)
_BATCH = (1, 2, 4, 8, 16, 32, 64)
_REFUSALS = (RefusedError, BusyError, LimitError, ProtocolError, DiskFullError)
_CONSENT = (
    ConsentMissingError,
    ConsentExpiredError,
    ConsentScopeError,
    ConsentRevokedError,
    ConsentSignatureError,
)


class Metrics:
    """Counters, gauges and histograms. Labels take few values: no names of clients, shots or frames."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        to = self.registry
        self._calls = Counter("vfx_swap_calls", "Calls that ended.", ("method", "status"), registry=to)
        self._call_seconds = Histogram(
            "vfx_swap_call_seconds",
            "Time of a call; of a stream, its whole life.",
            ("method",),
            buckets=_SECONDS,
            registry=to,
        )
        self._stages = Histogram(
            "vfx_swap_stage_seconds",
            "Time of a stage of the work.",
            ("stage", "model", "device"),
            buckets=_SECONDS,
            registry=to,
        )
        self._batches = Histogram(
            "vfx_swap_batch_frames", "Frames that were done together.", ("model", "device"), buckets=_BATCH, registry=to
        )
        self._frames = Counter("vfx_swap_frames", "Frames, by what became of them.", ("outcome",), registry=to)
        self._bytes = Counter("vfx_swap_bytes", "Bytes of pixels.", ("transport", "direction"), registry=to)
        self._refusals = Counter("vfx_swap_refusals", "What was refused, by reason.", ("reason",), registry=to)
        self._consent = Counter("vfx_swap_consent_denials", "Refused for consent, by reason.", ("reason",), registry=to)
        self._queue = Gauge("vfx_swap_queue_tasks", "Tasks that wait for a worker.", registry=to)
        self._jobs = Gauge("vfx_swap_jobs", "Jobs that have not ended.", registry=to)
        self._restarts = Counter(
            "vfx_swap_worker_restarts", "Workers that died and were started anew.", ("device",), registry=to
        )
        self._alive = Gauge("vfx_swap_worker_alive", "1 where the device's worker runs.", ("device",), registry=to)
        self._restarted: dict[str, int] = {}
        self._load = Gauge(
            "vfx_swap_worker_load", "Share of the last seconds in which a worker worked.", ("device",), registry=to
        )
        self._memory = Gauge("vfx_swap_device_memory_bytes", "Memory of a device.", ("device", "kind"), registry=to)
        self._leased = Gauge("vfx_swap_shared_memory_bytes", "Shared memory that is leased.", registry=to)
        self._certificate = Gauge(
            "vfx_swap_certificate_end_timestamp_seconds", "When a certificate ends.", ("certificate",), registry=to
        )
        self._info = Gauge("vfx_swap_info", "The version that runs.", ("version",), registry=to)

    def call(self, *, method: str, status: str, seconds: float) -> None:
        """A call ended."""
        self._calls.labels(method, status).inc()
        self._call_seconds.labels(method).observe(seconds)

    def stage(self, stage: Stage, *, model: str, device: str, seconds: float) -> None:
        """A stage of a frame, or of a batch, took so long."""
        self._stages.labels(stage, model, device).observe(seconds)

    def moved(self, transport: Transport, direction: Direction, *, count: int) -> None:
        """Bytes of pixels came in or went out."""
        self._bytes.labels(transport, direction).inc(count)

    def refused(self, error: BaseException) -> None:
        """Count an error where it is a refusal; consent has a count of its own beside. Others are left out."""
        if isinstance(error, _REFUSALS):
            self._refusals.labels(type(error).__name__.removesuffix("Error")).inc()
        if isinstance(error, _CONSENT):
            self._consent.labels(type(error).__name__.removesuffix("Error")).inc()

    def answered(self, kind: str, answer: Mapping[str, Any], *, model: str) -> None:
        """A worker's answer came: the times of its stages, and what became of its frames.

        Args:
            kind: of the task.
            answer: as `service.work` has it.
            model: id of the engine; empty where there is none.
        """
        stats = answer.get("stats", {})
        device = str(stats.get("device", ""))
        name = kind if kind == "analyse" else model or kind  # faces are found alike for every engine
        for stage in get_args(Stage):
            seconds = stats.get(f"{stage}_seconds")
            if seconds:  # not measured, or none of it
                self.stage(stage, model=name, device=device, seconds=float(seconds))
        if kind not in {"render", "swap", "parse"}:
            return
        if "batch_size" in stats:
            self._batches.labels(name, device).observe(int(stats["batch_size"]))
        frames = answer.get("frames", ())
        failed = len(answer.get("failures", ())) + sum("error" in frame for frame in frames)
        done = len(answer.get("rendered", ())) + len(frames) - sum("error" in frame for frame in frames)
        for outcome, count in (("done", done), ("failed", failed)):
            self._frames.labels(outcome).inc(count)
        if int(stats.get("attempt", 1)) > 1:
            self._frames.labels("retried").inc(done + failed)

    def waiting(self, *, tasks: int, jobs: int) -> None:
        """So many tasks wait for a worker, so many jobs have not ended."""
        self._queue.set(tasks)
        self._jobs.set(jobs)

    def workers(self, states: Iterable[DeviceState]) -> None:
        """How the workers are now."""
        for state in states:
            place = f"{state.name}#{state.index}"
            self._alive.labels(place).set(state.alive)
            self._load.labels(place).set(state.load)
            self._memory.labels(place, "total").set(state.memory_total)
            self._memory.labels(place, "free").set(state.memory_free)
            self._restarts.labels(place).inc(max(0, state.restarts - self._restarted.get(place, 0)))
            self._restarted[place] = state.restarts

    def leased(self, count: int) -> None:
        """Bytes of shared memory that are leased now."""
        self._leased.set(count)

    def certificate_ends(self, timestamp: float) -> None:
        """When the certificate that is shown ends, in seconds since 1970."""
        self._certificate.labels("server").set(timestamp)

    def version(self, text: str) -> None:
        """The version that runs."""
        self._info.labels(text).set(1)

    def page(self, *, accept: str = "") -> tuple[bytes, str]:
        """All of it.

        Args:
            accept: what the reader wants, as in HTTP: OpenMetrics, or Prometheus' own text.

        Returns:
            The text, and its content type.
        """
        encode, content_type = choose_encoder(accept)
        return bytes(encode(self.registry)), str(content_type)
