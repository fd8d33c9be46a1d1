"""Blender as a subprocess: told by a folder, held to a time limit, believed only by the files it leaves.

Blender's module 4.5 can hang when Python takes it down, so the child ends by `os._exit`; a child that ends in any way
but with every picture written is a failure with its last lines.
"""

from __future__ import annotations

import os
import queue
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path

__all__ = ["BlenderError", "blender_python", "run_blender"]

ROOT = Path(__file__).resolve().parent.parent.parent
KEPT_LINES = 25


class BlenderError(RuntimeError):
    """Blender did not draw what it was told to; the message ends with its last lines."""


def blender_python(venv: Path) -> Path:
    """The Python of the doubles' venv.

    Raises:
        BlenderError: There is no such venv, or it has no Blender.
    """
    python = venv / "bin/python"
    if not python.is_file() or not any(venv.glob("lib/python3*/site-packages/bpy")):
        raise BlenderError(f"{venv} has no Blender (the module bpy); make it with: scripts/setup --doubles")
    return python


def run_blender(
    *,
    venv: Path,
    folder: Path,
    expected: list[str],
    seconds_per_picture: float,
    wrote: Callable[[str], None] | None = None,
    start_seconds: float = 120.0,
) -> None:
    """Draws the job in `folder` (see `scene`); calls `wrote` with each picture's name as soon as its file is whole.

    The clock starts anew with each picture: a stuck Blender is killed `seconds_per_picture` after the last one (with
    `start_seconds` more before the first).

    Raises:
        BlenderError: It ended early, wrote less than `expected`, or ran out of time.
    """
    process = _started(venv, folder)
    lines: queue.Queue[str | None] = queue.Queue()
    reader = threading.Thread(target=_read, args=(process, lines), daemon=True)
    reader.start()
    said: list[str] = []
    left = list(expected)
    limit = time.monotonic() + seconds_per_picture + start_seconds
    try:
        while (line := _next(lines, limit, f"no picture for {seconds_per_picture:.0f} s", said)) is not None:
            name = line.removeprefix("wrote ")
            if name != line and name in left and (folder / f"{name}.exr").is_file():
                left.remove(name)
                if wrote is not None:
                    wrote(name)
                limit = time.monotonic() + seconds_per_picture
        status = process.wait(timeout=30)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        reader.join(timeout=5)
        if process.stdout is not None:
            process.stdout.close()
    if status or left:
        raise _failed(f"Blender ended with status {status} and {len(left)} of {len(expected)} pictures missing", said)


def _started(venv: Path, folder: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [str(blender_python(venv)), "-u", "-m", "scripts.digital_doubles.scene", str(folder)],
        cwd=ROOT,
        env=_environment(folder),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
    )


def _next(lines: queue.Queue[str | None], limit: float, late: str, said: list[str]) -> str | None:
    """The next line that Blender says, kept in `said`; None at its end."""
    try:
        line = lines.get(timeout=max(limit - time.monotonic(), 0.0))
    except queue.Empty:
        raise _failed(f"Blender was stopped: {late}", said) from None
    if line is not None:
        said.append(line)
        del said[:-KEPT_LINES]
    return line


def _read(process: subprocess.Popen[str], lines: queue.Queue[str | None]) -> None:
    if process.stdout is not None:
        for line in process.stdout:
            lines.put(line.rstrip("\n"))
    lines.put(None)


def _failed(reason: str, said: list[str]) -> BlenderError:
    return BlenderError("\n".join([reason, *(f"  {line}" for line in said)]))


def _environment(folder: Path) -> dict[str, str]:
    """Nothing of the user's Blender or Python settings reaches the child."""
    dropped = ("PYTHON", "BLENDER_", "CYCLES_", "OCIO", "VFX_SWAP_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(dropped)}
    kept["PYTHONPATH"] = str(ROOT)
    kept["PYTHONNOUSERSITE"] = "1"
    kept["BLENDER_USER_RESOURCES"] = str(folder / "blender-user")
    return kept
