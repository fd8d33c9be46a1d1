"""A real server for a benchmark, as a process."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Served", "served"]


@dataclass(frozen=True)
class Served:
    """Where it is."""

    address: str
    pid: int


@contextmanager
def served(root: Path, *, devices: str, state: Path, config: Path | None = None) -> Iterator[Served]:
    """`vfx-swap serve` on a free port of this machine, while the block runs.

    Args:
        root: folder that clients' paths lie in; the log goes beside it.
        devices: by commas: one worker each.
        state: of the server.
        config: a server file for what has no flag.

    Raises:
        RuntimeError: it did not come up.
    """
    command = [sys.executable, "-m", "vfx_swap", "serve", "--json", "--listen", "127.0.0.1:0", "--device", devices]
    command += ["--root", str(root), "--state", str(state)]
    command += [] if config is None else ["--config", str(config)]
    with (
        (root.parent / "server.log").open("w", encoding="utf-8") as log,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True) as process,
    ):
        try:
            line = process.stdout.readline() if process.stdout is not None else ""
            if not line:
                raise RuntimeError(f"the server did not start: {log.name} says why")
            yield Served(str(json.loads(line)["listen"][0]), process.pid)
        finally:
            process.terminate()
