"""Pictures of several frames in one forward pass, without a bit of one hanging on which others came along.

A pass always takes the same number of pictures: where fewer came, the first is repeated. So a frame has the same bits
alone, in a chunk or among other clients' frames, as long as the network gives a picture the same bits at every place
of the batch; that is tried before the first pass.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from vfx_swap.errors import DeviceError
from vfx_swap.models.onnx_swap.runners import Runner, Tensor

__all__ = ["PATIENCE", "TogetherRunner", "together"]

PATIENCE = 0.01
"""Seconds that a picture waits for company: little beside a pass of a batch, and no bit hangs on it."""
SEED = 20261123


@dataclass(eq=False)
class _Asked:
    """One picture, and what became of it."""

    inputs: Mapping[str, Tensor]
    """One row of each role; tensors of one axis, which belong to no picture, whole."""
    done: threading.Event = field(default_factory=threading.Event)
    answer: Mapping[str, Tensor] | None = None
    error: Exception | None = None


class TogetherRunner:
    """A network in passes of a fixed number of pictures, which may come from several threads (protocol `Runner`)."""

    def __init__(self, runner: Runner, *, size: int, patience: float = PATIENCE) -> None:
        """Wrap a network.

        Args:
            runner: takes any number of pictures, at least `size`.
            size: pictures of a pass, at least 2.
            patience: seconds.

        Raises:
            DeviceError: the network takes no more than fewer pictures at once.
        """
        if runner.most is not None and runner.most < size:
            raise DeviceError(
                f"passes of {size} pictures were asked for, but this network takes {runner.most} at once",
                mend=f"Set network.batch to {runner.most}, or export the graph with a free batch",
            )
        self.most: int | None = size
        self._runner = runner
        self._size = size
        self._patience = patience
        self._waiting: list[_Asked] = []
        self._come = threading.Condition()
        self._trying = threading.Lock()
        self._tried = False

    @property
    def inputs(self) -> frozenset[str]:
        """Roles it has."""
        return self._runner.inputs

    def run(self, inputs: Mapping[str, Tensor], /) -> dict[str, Tensor]:
        """Role -> tensor, of one picture or several. May be called by several threads."""
        mine = _rows(inputs)
        with self._come:
            self._waiting += mine
            self._come.notify_all()
        until = time.monotonic() + self._patience
        while not all(one.done.is_set() for one in mine):
            with self._come:
                batch = self._take(mine, overdue=time.monotonic() >= until)
                if not batch:
                    left = until - time.monotonic()
                    self._come.wait(timeout=left if left > 0.0 else self._patience)
                    continue
            self._pass(batch)
        for one in mine:
            if one.error is not None:
                raise one.error
        answers = [one.answer for one in mine if one.answer is not None]
        return {role: np.concatenate([answer[role] for answer in answers]) for role in answers[0]}

    def _take(self, mine: Sequence[_Asked], *, overdue: bool) -> list[_Asked]:
        """The next pass, where there is one to be made now."""
        mine_wait = overdue and any(one in self._waiting for one in mine)
        if len(self._waiting) < self._size and not mine_wait:
            return []
        lead = self._waiting[0]
        batch = [one for one in self._waiting if _alike(one, lead)][: self._size]
        self._waiting = [one for one in self._waiting if one not in batch]
        return batch

    def _try_places(self, picture: Mapping[str, Tensor]) -> None:
        """Once, with noise of the shapes of a picture.

        Raises:
            DeviceError: a picture has other bits at another place.
        """
        with self._trying:
            if self._tried:
                return
            rows = _noise(picture, count=self._size)
            first = self._runner.run(_stacked(rows[:1], self._size))
            for place in {0, self._size // 2, self._size - 1}:
                answer = self._runner.run(_stacked([*rows[1 : place + 1], rows[0], *rows[place + 1 :]], self._size))
                if any(not np.array_equal(answer[role][place], first[role][0]) for role in first):
                    raise DeviceError(
                        f"in passes of {self._size} this network gives a picture other bits at another place",
                        mend="Set network.batch to 1, or to another number",
                    )
            self._tried = True

    def _pass(self, batch: Sequence[_Asked]) -> None:
        try:
            self._try_places(batch[0].inputs)
            answer = self._runner.run(_stacked([one.inputs for one in batch], self._size))
        except Exception as error:  # noqa: BLE001  # raised again in the thread of each
            for one in batch:
                one.error = error
        except BaseException:  # a stop is of this thread alone, but the others must not wait for it for ever
            for one in batch:
                one.error = DeviceError("a pass was stopped before it gave this picture", mend="Run it again")
            raise
        else:
            for row, one in enumerate(batch):
                one.answer = {role: tensor[row : row + 1] for role, tensor in answer.items()}
        finally:
            for one in batch:
                one.done.set()
            with self._come:
                self._come.notify_all()


def _noise(picture: Mapping[str, Tensor], *, count: int) -> list[dict[str, Tensor]]:
    """As many pictures, of which no two are alike; tensors of one axis as they are."""
    random = np.random.default_rng(SEED)
    return [
        {
            role: one if one.ndim == 1 else random.uniform(0.0, 1.0, one.shape).astype(one.dtype)
            for role, one in picture.items()
        }
        for _ in range(count)
    ]


def _rows(inputs: Mapping[str, Tensor]) -> list[_Asked]:
    count = max(len(one) for one in inputs.values() if one.ndim > 1)
    shared = {role: one for role, one in inputs.items() if one.ndim == 1 or len(one) == 1}
    own = {role: one for role, one in inputs.items() if role not in shared}
    return [
        _Asked({**shared, **{role: one[row : row + 1] for role, one in own.items()}}) for row in range(count)
    ]  # fmt: skip


def _alike(one: _Asked, other: _Asked) -> bool:
    """Whether two pictures can go together: what belongs to no picture is the same."""
    return all(np.array_equal(tensor, other.inputs[role]) for role, tensor in one.inputs.items() if tensor.ndim == 1)


def _stacked(rows: Sequence[Mapping[str, Tensor]], size: int) -> dict[str, Tensor]:
    filled = [*rows, *[rows[0]] * (size - len(rows))]
    return {
        role: tensor if tensor.ndim == 1 else np.concatenate([one[role] for one in filled])
        for role, tensor in rows[0].items()
    }


def together(runner: Runner, *, batch: int) -> Runner:
    """The network in passes of `batch` pictures, or of as many as a graph with a fixed batch takes; as it is where that
    is 1.

    Raises:
        DeviceError: it takes fewer at once.
    """
    size = max(batch, runner.most or 1)
    return runner if size == 1 else TogetherRunner(runner, size=size)
