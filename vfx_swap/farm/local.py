"""Chunks in processes of this machine: `vfx-swap render SHOT.toml --frames A-B --json`, several at a time."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from typing import IO

from vfx_swap.errors import CancelledError, CannotRunError, UsageError, WorkerDiedError
from vfx_swap.farm.chunks import Chunk, ChunkEvent, ChunkOptions, FarmJob
from vfx_swap.farm.lines import Line
from vfx_swap.farm.pool import run_in_slots
from vfx_swap.pipeline.progress import Cancelled, never_cancelled

__all__ = ["LocalProcesses", "chunk_arguments", "shared_threads"]

LAST_WORDS = 12
"""Lines of a process's stderr that are kept for the message when it dies."""
THREAD_SETTINGS = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "OPENCV_FOR_THREADS_NUM",
    "OPENIMAGEIO_THREADS",
)
"""What libraries take their number of threads from. None of them changes a bit of the output: fits and rasters run on
one thread, ONNX Runtime on a number of its own."""


def chunk_arguments(job_shot: str, chunk: Chunk, options: ChunkOptions) -> list[str]:
    """The chunk command, after the program's name."""
    what = ["--tracks-only"] if chunk.prepares else ["--frames", chunk.text, "--device", options.device]
    # The analyse pass keeps current tracks whatever is said: they may hold edits.
    again = ["--overwrite"] if options.overwrite and not chunk.prepares else []
    return ["render", job_shot, *what, *again, "--json"]


def shared_threads(environment: Mapping[str, str], *, processes: int, cores: int) -> dict[str, str]:
    """The environment with this machine's cores shared out among so many processes; what the user set stays."""
    share = str(max(1, cores // processes))
    return {**dict.fromkeys(THREAD_SETTINGS, share), **environment}


class LocalProcesses:
    """A `ChunkRunner`: so many processes at a time, one chunk each, cores shared out among them."""

    def __init__(self, *, workers: int, program: Sequence[str] = (sys.executable, "-m", "vfx_swap")) -> None:
        """
        Args:
            workers: processes at a time.
            program: what stands before `render` on the command line.

        Raises:
            UsageError: no workers.
        """
        if workers < 1:
            raise UsageError(f"at least one worker is needed, got {workers}")
        self._workers = workers
        self._program = tuple(program)

    def run(self, job: FarmJob, *, cancelled: Cancelled = never_cancelled) -> Iterator[ChunkEvent]:
        """As `ChunkRunner.run`."""
        workers = min(self._workers, len(job.chunks))
        environment = shared_threads(os.environ, processes=workers, cores=len(os.sched_getaffinity(0)))
        devices = _devices(job.options.device, workers)

        def open_slot(index: int, over: Cancelled) -> _Process:  # noqa: ARG001  a process is there when it is wanted
            return _Process(f"process {index + 1}", self._program, environment, device=devices[index])

        return run_in_slots(job, slots=workers, open_slot=open_slot, cancelled=cancelled)


def _devices(device: str, workers: int) -> list[str]:
    """A device for each worker: `cuda` and `auto` are spread over the GPUs that are here."""
    if device not in ("cuda", "auto"):
        return [device] * workers
    gpus = _gpus()
    return [f"cuda:{index % gpus}" for index in range(workers)] if gpus else [device] * workers


def _gpus() -> int:
    """CUDA devices that torch sees; 0 without torch."""
    try:
        import torch
    except ImportError:
        return 0
    return int(torch.cuda.device_count())


class _Process:
    """A `Slot` whose every chunk is a process of its own."""

    def __init__(self, name: str, program: Sequence[str], environment: Mapping[str, str], *, device: str) -> None:
        self.name = name
        self._program = program
        self._environment = dict(environment)
        self._device = device
        self._lock = threading.Lock()
        self._process: subprocess.Popen[str] | None = None
        self._stopped = False

    def run(self, job: FarmJob, chunk: Chunk) -> Iterator[Line]:
        """As `Slot.run`."""
        options = ChunkOptions(device=self._device, overwrite=job.options.overwrite)
        process = self._start([*self._program, *chunk_arguments(str(job.shot), chunk, options)])
        assert process.stdout is not None and process.stderr is not None  # noqa: S101, PT018  pipes were asked for
        said: deque[str] = deque(maxlen=LAST_WORDS)
        listener = threading.Thread(target=_keep_last, args=(process.stderr, said), daemon=True)
        listener.start()
        last: Line = {}
        try:
            for text in process.stdout:
                line = _parsed(text)
                if line is not None:
                    last = line
                    yield line
        finally:
            if process.poll() is None and last.get("event") not in ("done", "error"):
                process.terminate()  # whoever listened has gone
            code = process.wait()
            listener.join()
            process.stdout.close()
            process.stderr.close()
        if last.get("event") not in ("done", "error"):
            words = "\n".join(said).strip()
            what = f"the process of {chunk.text} ended with {code}" + (f": {words}" if words else "")
            raise WorkerDiedError(what, where=self.name)

    def _start(self, command: list[str]) -> subprocess.Popen[str]:
        with self._lock:
            if self._stopped:
                raise CancelledError("stopped before it began")
            try:
                # A session of its own: Ctrl-C reaches this process alone, which passes it on once.
                self._process = subprocess.Popen(  # noqa: S603  our own command, arguments as a list
                    command,
                    env=self._environment,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    text=True,
                    errors="replace",
                    start_new_session=True,
                )
            except OSError as error:
                raise CannotRunError(f"the command does not start: {error.strerror}", where=command[0]) from error
            return self._process

    def stop(self) -> None:
        """As `Slot.stop`: SIGTERM, which a render answers by ending after its frame."""
        with self._lock:
            self._stopped = True
            if self._process is not None and self._process.poll() is None:
                self._process.terminate()

    def close(self) -> None:
        """Nothing stays between chunks."""


def _keep_last(stream: IO[str], said: deque[str]) -> None:
    said.extend(line.rstrip() for line in stream)


def _parsed(text: str) -> Line | None:
    """A line as an object; None for what is none: a process killed in mid-line leaves half of one."""
    try:
        line = json.loads(text)
    except ValueError:
        return None
    return line if isinstance(line, dict) else None
