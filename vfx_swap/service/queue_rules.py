"""What the queue goes by: how much may wait, which worker a task names, and what goes out."""

from __future__ import annotations

from dataclasses import dataclass

from vfx_swap.service.work import Task

__all__ = ["Assignment", "QueueLimits", "fits_device"]


@dataclass(frozen=True)
class QueueLimits:
    """How much may wait, and for whom."""

    tasks: int = 1024
    """In all."""
    tasks_per_client: int = 512
    batch_tasks: int = 8
    """Tasks that go out together at most."""
    batch_window_seconds: float = 0.004
    """How long the first of a batch waits for others."""
    interactive_run: int = 8
    """Starts of interactive tasks on one worker after which a batch task that waits goes first."""


@dataclass(frozen=True, eq=False)
class Assignment:
    """What a worker is to do now."""

    worker: int
    tasks: tuple[Task, ...]


def fits_device(wanted: str, name: str, index: int) -> bool:
    """Whether a worker is what a task's `device` names: ``, `cuda`, `cuda:1`, `cpu#1`."""
    return wanted in ("", name, f"{name}#{index}") or (wanted == "cuda" and name.startswith("cuda:"))
