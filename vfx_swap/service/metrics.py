"""What the server counts, for Prometheus: in a registry of its own, so that two servers in one process stay apart."""

from __future__ import annotations

from typing import Literal, TypeAlias

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import choose_encoder

from vfx_swap.errors import (
    BusyError,
    ConsentExpiredError,
    ConsentMissingError,
    ConsentScopeError,
    DiskFullError,
    LimitError,
    ProtocolError,
    RefusedError,
)

__all__ = ["Direction", "Metrics", "Stage", "Transport"]

Stage: TypeAlias = Literal["queue", "decode", "upload", "infer", "download", "encode"]
"""Where a frame's time goes, as Triton splits it: waiting, reading, to the device, computing, back, writing."""
Transport: TypeAlias = Literal["path", "shared_memory", "chunks"]
Direction: TypeAlias = Literal["in", "out"]

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)
_BATCH = (1, 2, 4, 8, 16, 32, 64)
_REFUSALS = (RefusedError, BusyError, LimitError, ProtocolError, DiskFullError)
_CONSENT = (ConsentMissingError, ConsentExpiredError, ConsentScopeError)


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
        self._queue = Gauge("vfx_swap_queue_tasks", "Tasks that wait for a worker.", ("priority",), registry=to)
        self._jobs = Gauge("vfx_swap_jobs", "Jobs by state.", ("state",), registry=to)
        self._restarts = Counter(
            "vfx_swap_worker_restarts", "Workers that died and were started anew.", ("device",), registry=to
        )
        self._alive = Gauge("vfx_swap_worker_alive", "1 where the device's worker runs.", ("device",), registry=to)
        self._memory = Gauge("vfx_swap_device_memory_bytes", "Memory of a device.", ("device", "kind"), registry=to)
        self._leased = Gauge("vfx_swap_shared_memory_bytes", "Shared memory that is leased.", registry=to)
        self._certificate = Gauge(
            "vfx_swap_certificate_end_timestamp_seconds", "When the server's certificate ends.", registry=to
        )
        self._info = Gauge("vfx_swap_info", "The version that runs.", ("version",), registry=to)

    def call(self, *, method: str, status: str, seconds: float) -> None:
        """A call ended."""
        self._calls.labels(method, status).inc()
        self._call_seconds.labels(method).observe(seconds)

    def stage(self, stage: Stage, *, model: str, device: str, seconds: float) -> None:
        """A stage of a frame, or of a batch, took so long."""
        self._stages.labels(stage, model, device).observe(seconds)

    def batch(self, *, model: str, device: str, frames: int) -> None:
        """So many frames were done together."""
        self._batches.labels(model, device).observe(frames)

    def frame(self, outcome: Literal["done", "failed", "retried"]) -> None:
        """A frame ended, or was begun again after its worker died."""
        self._frames.labels(outcome).inc()

    def moved(self, transport: Transport, direction: Direction, *, count: int) -> None:
        """Bytes of pixels came in or went out."""
        self._bytes.labels(transport, direction).inc(count)

    def refused(self, error: BaseException) -> None:
        """Count an error where it is a refusal; consent has a count of its own beside. Others are left out."""
        if isinstance(error, _REFUSALS):
            self._refusals.labels(type(error).__name__.removesuffix("Error")).inc()
        if isinstance(error, _CONSENT):
            self._consent.labels(type(error).__name__.removesuffix("Error")).inc()

    def queue(self, *, interactive: int, batch: int) -> None:
        """So many tasks wait."""
        self._queue.labels("interactive").set(interactive)
        self._queue.labels("batch").set(batch)

    def jobs(self, *, state: str, count: int) -> None:
        """So many jobs are in a state."""
        self._jobs.labels(state).set(count)

    def worker_restarted(self, *, device: str) -> None:
        """A worker died and was started anew."""
        self._restarts.labels(device).inc()

    def worker_alive(self, *, device: str, alive: bool) -> None:
        """Whether a worker runs."""
        self._alive.labels(device).set(alive)

    def device_memory(self, *, device: str, total: int, free: int) -> None:
        """A device's memory, in bytes."""
        self._memory.labels(device, "total").set(total)
        self._memory.labels(device, "free").set(free)

    def leased(self, count: int) -> None:
        """Bytes of shared memory that are leased now."""
        self._leased.set(count)

    def certificate_ends(self, timestamp: float) -> None:
        """When the certificate that is shown ends, in seconds since 1970."""
        self._certificate.set(timestamp)

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
