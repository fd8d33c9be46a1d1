"""A whole server as a process, with quick workers.

`python -m tests.service.quick_server SETTINGS.json SECONDS BAD_FRAME HOW` prints its first address, a line, when it
lets calls in.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.conftest import ROOT, clean_environment
from tests.service.quick_worker import quick_command

__all__ = ["QuickServer", "quick_server"]

SECONDS = 60.0


@dataclass(eq=False)
class QuickServer:
    """A server process."""

    process: subprocess.Popen[str]
    address: str

    def kill(self) -> None:
        """`kill -9`."""
        self.process.kill()
        self.process.wait(SECONDS)

    def workers(self) -> list[int]:
        """Processes of its workers."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text(encoding="ascii")
        return [int(word) for word in children.split()]

    def files(self) -> int:
        """Descriptors that it has open."""
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def memory_bytes(self) -> int:
        """Of its own, without its workers: the proportional set."""
        text = Path(f"/proc/{self.process.pid}/smaps_rollup").read_text(encoding="ascii")
        [line] = [line for line in text.splitlines() if line.startswith("Pss:")]
        return int(line.split()[1]) * 1024

    def terminate(self) -> int:
        """SIGTERM; its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(SECONDS)


@contextlib.contextmanager
def quick_server(
    folder: Path, *, seconds: float = 0.0, bad_frame: int = -1, how: str = "", workers: int = 2, **more: Any
) -> Iterator[QuickServer]:
    """Start one that works in a folder; its state lies beside it, so that the next one goes on.

    Args:
        folder: read and written.
        seconds: of a frame.
        bad_frame: at which a worker does what `how` says (tests.service.quick_worker).
        how: see there.
        workers: how many.
        more: of the server's settings.
    """
    folder.mkdir(parents=True, exist_ok=True)
    settings = {
        "listen": ["127.0.0.1:0"],
        "devices": ["cpu"] * workers,
        "state": str(folder.parent / f"{folder.name}-state"),
        "roots": {"read": [str(folder)], "write": [str(folder)]},
        "grace_seconds": 10.0,
        **more,
    }
    file = folder.parent / f"{folder.name}-server.json"
    file.write_text(json.dumps(settings), encoding="utf-8")
    log = (folder.parent / f"{folder.name}-server.log").open("a", encoding="utf-8")
    command = [sys.executable, "-m", __name__, str(file), str(seconds), str(bad_frame), how or "none"]
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        env=clean_environment(),
        stdout=subprocess.PIPE,
        stderr=log,
        text=True,
        start_new_session=True,
    )
    try:
        assert process.stdout is not None
        address = process.stdout.readline().strip()
        assert address, Path(log.name).read_text(encoding="utf-8")
        yield QuickServer(process, address)
    finally:
        if process.poll() is None:
            process.kill()
        process.wait(SECONDS)
        assert process.stdout is not None
        process.stdout.close()
        log.close()


def _main() -> None:
    from vfx_swap.service.crew import CrewSettings, LocalCrew
    from vfx_swap.service.serve.server import run
    from vfx_swap.service.settings import ServerSettings

    settings = ServerSettings.model_validate_json(Path(sys.argv[1]).read_text(encoding="utf-8"))
    command = quick_command(seconds=float(sys.argv[2]), bad_frame=int(sys.argv[3]), how=sys.argv[4])
    crew = LocalCrew(CrewSettings(devices=settings.devices, command=command, backoff_seconds=(0.05, 0.2)))
    run(settings, crew=crew, ready=lambda addresses: print(addresses[0], flush=True))  # noqa: T201  # to the test


if __name__ == "__main__":
    _main()
