"""A run's curves and sheets for TensorBoard. Needs tensorboardX (`scripts/setup --neural` installs it)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from vfx_swap.errors import CannotRunError

__all__ = ["BOARD", "Board"]

BOARD = "tensorboard"
"""Folder of the event files, in the run's."""


class Board:
    """Event files beside a run's log: `tensorboard --logdir RUN` shows them."""

    def __init__(self, folder: Path) -> None:
        """Nothing is written before the first line.

        Args:
            folder: the run's.

        Raises:
            CannotRunError: tensorboardX is not installed.
        """
        try:
            import tensorboardX
        except ImportError as error:
            what, mend = "tensorboardX is not installed", "Install it with scripts/setup --neural, or leave it out"
            raise CannotRunError(what, mend=mend) from error
        self._open = tensorboardX.SummaryWriter
        self._folder = folder / BOARD
        self._writer: Any = None

    def terms(self, step: int, terms: Mapping[str, float]) -> None:
        """A line of the log, one curve a term."""
        for name, value in terms.items():
            self._at(step).add_scalar(name, value, step)

    def sheet(self, step: int, path: Path) -> None:
        """A sample sheet that was written as a PNG."""
        from PIL import Image

        with Image.open(path) as picture:
            self._at(step).add_image("samples", np.asarray(picture.convert("RGB")), step, dataformats="HWC")

    def close(self) -> None:
        """Write what is held back."""
        if self._writer is not None:
            self._writer.close()

    def _at(self, step: int) -> Any:
        if self._writer is None:
            # What an earlier run told of this step and later ones, before it was resumed further back, is taken away.
            self._writer = self._open(logdir=str(self._folder), purge_step=step)
        return self._writer
