"""The loop around a trainer: steps, a log of JSON lines, checkpoints; it stops where numbers stop being numbers."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

from vfx_swap.errors import CannotRunError, UsageError
from vfx_swap.io.atomic import atomic_write

__all__ = ["LOG", "Trainer", "train"]

LOG = "log.jsonl"


class Trainer(Protocol):
    """What `train` drives."""

    def step(self, number: int) -> Mapping[str, float]:
        """Train; the terms of the loss by name."""

    def write(self, folder: Path, *, step: int) -> None:
        """Write a checkpoint after so many steps."""

    def read(self, folder: Path) -> int:
        """Go on from a checkpoint; how many steps were done."""


def train(
    trainer: Trainer,
    *,
    folder: Path,
    steps: int,
    resume: bool = False,
    save_every: int = 1000,
    log_every: int = 50,
    told: Callable[[int, Mapping[str, float]], None] = lambda _step, _terms: None,
    saved: Callable[[int], None] = lambda _step: None,
) -> int:
    """Train until so many steps are done in all.

    Args:
        trainer: fresh.
        folder: where checkpoints and the log go.
        steps: in all, those before a resume counted.
        resume: go on from the folder; its log is cut back to the checkpoint.
        save_every: steps from one checkpoint to the next; the last is always written.
        log_every: steps whose terms are averaged for one line.
        told: called with each line.
        saved: called after each checkpoint with the steps done.

    Returns:
        Steps done.

    Raises:
        UsageError: the folder holds a run that is not to be resumed, or numbers below 1.
        CannotRunError: a term is NaN or infinite; no checkpoint is written then, so the last one is sound.
    """
    if min(steps, save_every, log_every) < 1:
        raise UsageError(f"steps, and from save to save and line to line, are at least 1, not {steps}")
    if not resume and (folder / "state.safetensors").exists():
        raise UsageError("a run is here already", where=folder, mend="Go on with --resume, or give another folder")
    done = trainer.read(folder) if resume else 0
    lines = _lines(folder / LOG, until=done) if resume else []
    sums: dict[str, list[float]] = {}
    for number in range(done, steps):
        terms = trainer.step(number)
        _check_numbers(terms, number, folder)
        for name, value in terms.items():
            sums.setdefault(name, []).append(value)
        if (number + 1) % log_every == 0 or number + 1 == steps:
            means = {name: sum(values) / len(values) for name, values in sums.items()}
            sums = {}
            lines.append(json.dumps({"step": number + 1, **means}))
            told(number + 1, means)
        if (number + 1) % save_every == 0 or number + 1 == steps:
            trainer.write(folder, step=number + 1)
            with atomic_write(folder / LOG) as temporary:
                temporary.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
            saved(number + 1)
    return max(done, steps)


def _check_numbers(terms: Mapping[str, float], number: int, folder: Path) -> None:
    bad = [f"{name} is {value}" for name, value in terms.items() if not math.isfinite(value)]
    if bad:
        raise CannotRunError(
            f"training failed at step {number + 1}: {', '.join(bad)}",
            where=folder,
            mend="The last checkpoint is sound: begin again with a lower --rate, or without --half",
        )


def _lines(path: Path, *, until: int) -> list[str]:
    if not path.is_file():
        return []
    lines = path.read_text(encoding="utf-8").splitlines()
    return [line for line in lines if int(json.loads(line)["step"]) <= until]
