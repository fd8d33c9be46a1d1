"""Disks for tests that need a bad one."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest


def mounted(folder: Path, options: str) -> Iterator[Path]:
    """A tmpfs on a folder; only root may mount one, and not in every container."""
    command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(command, check=False, capture_output=True).returncode != 0:
        pytest.skip("no tmpfs can be mounted here; the tests with failing calls stand in")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)
