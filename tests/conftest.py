"""What every test stands on: no network, no settings of the machine, and one run of the demo for all who look at it."""

from __future__ import annotations

import fcntl
import os
import shutil
import socket
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent

DEMO_FRAMES = 4
"""Frames of the shared demo run; the shot's own 24 are for people."""


@dataclass(frozen=True)
class DemoRun:
    """One run of `scripts/demo`, as the README names it."""

    folder: Path
    """The folder it was started in; the demo's own is `vfx-swap-demo` in it."""
    output: str
    """What it printed, stdout and stderr."""


def clean_environment() -> dict[str, str]:
    """The environment without what a shell may say to OpenColorIO or to us, and with this Python's commands first."""
    kept = {name: value for name, value in os.environ.items() if name != "OCIO" and not name.startswith("VFX_SWAP_")}
    kept["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{kept.get('PATH', '')}"
    return kept


@pytest.fixture(autouse=True)
def _no_settings_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name == "OCIO" or name.startswith("VFX_SWAP_"):
            monkeypatch.delenv(name)
    # A facility's own file would decide what consent is asked for; tests write theirs.
    monkeypatch.setattr("vfx_swap.settings.facility.MACHINE_FILE", ROOT / "there is no facility file")


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: Any) -> None:
        if self.family in {socket.AF_INET, socket.AF_INET6} and address[0] not in {"127.0.0.1", "::1", "localhost"}:
            raise AssertionError(f"a test must not reach the network, this one called {address}")
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)


@pytest.fixture(scope="session")
def demo_run(tmp_path_factory: pytest.TempPathFactory) -> DemoRun:
    """The demo, run once per suite (also under pytest-xdist) by the README's own command."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    folder, log = shared / "demo-run", shared / "demo-run.log"
    with (shared / "demo-run.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not log.exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            done = subprocess.run(
                [str(ROOT / "scripts/demo"), "--frames", str(DEMO_FRAMES)],
                cwd=folder,
                env=clean_environment(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                timeout=540,
                check=False,
            )
            if done.returncode != 0:
                pytest.fail(f"scripts/demo --frames {DEMO_FRAMES} ended with {done.returncode}:\n{done.stdout}")
            log.write_text(done.stdout)
    return DemoRun(folder=folder, output=log.read_text())
