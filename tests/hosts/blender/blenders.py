"""Blender as a subprocess: which there are, and a scenario of `inside.py` run in one, held to a time limit."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from scripts.blender_extension import VENVS, build_extension
from vfx_swap.io.read import read_picture

__all__ = ["BLENDERS", "Blender", "blender_of", "extension", "pixels"]

REQUIRED = frozenset(os.environ.get("VFX_SWAP_REQUIRE", "").split(","))
"""Read here: tests see no settings of the machine."""
BLENDERS = dict(zip(("4.5", "5.0", "4.2"), VENVS, strict=True))
"""Version -> venv."""
SECONDS = 120.0


def blender_of(version: str) -> Path:
    """A venv with that Blender. A missing one skips the test, or fails it where `VFX_SWAP_REQUIRE` names blender."""
    venv = BLENDERS[version]
    if any(venv.glob(f"lib/python3*/site-packages/bpy/{version}")):
        return venv
    message = f"no Blender {version} in {venv.name}; make it with: scripts/setup --doubles --blender"
    if "blender" in REQUIRED:
        pytest.fail(message)
    pytest.skip(message)


@cache
def extension(folder: Path, venv: Path) -> Path:
    """The extension's zip, built by Blender's own tool."""
    return build_extension(folder / "vfx_swap.zip", venvs=(venv,))


@dataclass(frozen=True)
class Blender:
    """One Blender, a folder to work in, and the server to use."""

    venv: Path
    zip: Path
    server: str
    folder: Path
    command: tuple[str, ...] = (sys.executable, "-I", "-m", "vfx_swap")
    """That starts an agent."""

    def run(self, scenario: str, *, install: bool = True, **given: Any) -> dict[str, Any]:
        """Run a function of `inside.py`; its answer.

        Args:
            scenario: the function's name.
            install: whether the extension is installed and switched on first.
            given: what it is called with, as JSON.
        """
        order = {"zip": str(self.zip) if install else "", "server": self.server, "given": given}
        (self.folder / "order.json").write_text(json.dumps(order), encoding="utf-8")
        answer = self.folder / "answer.json"
        answer.unlink(missing_ok=True)
        # Nothing of this interpreter reaches Blender: the host must work without vfx_swap on its path.
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "BLENDER", "VFX_"))}
        done = subprocess.run(
            [
                str(self.venv / "bin/python"),
                "-I",
                str(Path(__file__).with_name("inside.py")),
                str(self.folder),
                scenario,
            ],
            cwd=self.folder,
            env={
                **kept,
                "BLENDER_USER_RESOURCES": str(self.folder / "user"),
                "VFX_SWAP_AGENT": shlex.join(self.command),
                "HOME": str(self.folder),
            },
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=SECONDS,
            check=False,
        )
        said = done.stdout.decode(errors="replace")
        assert answer.is_file(), said[-4000:]
        told: dict[str, Any] = json.loads(answer.read_text(encoding="utf-8"))
        assert "failed" not in told, f"{told['failed']}\n{said[-2000:]}"
        return {**told, "said": said}


def pixels(path: Path) -> np.ndarray:
    """(height, width, 4) or (height, width, 3) of an EXR's first layer, native."""
    part = read_picture(path).rgb_part
    names = [name for name in part.channels if name in ("R", "G", "B", "A")]
    return np.stack([part.channel(name) for name in names], axis=-1)
