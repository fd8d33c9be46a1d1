"""Which engines each device holds, within a budget of bytes: the least recently used go first."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence

__all__ = ["Shelves"]


class Shelves:
    """What every worker holds, as far as the front knows.

    Args:
        budgets: bytes that a worker's engines may take together; 0: as many as there are.
    """

    def __init__(self, budgets: Sequence[int]) -> None:
        self._budgets = list(budgets)
        self._held: list[OrderedDict[str, int]] = [OrderedDict() for _ in budgets]
        self._sizes: dict[str, int] = {}

    def set_budget(self, worker: int, budget: int) -> None:
        """Once a device's memory is known."""
        self._budgets[worker] = budget

    def held(self, worker: int) -> tuple[str, ...]:
        """Engines of a worker, the least recently used first."""
        return tuple(self._held[worker])

    def use(self, worker: int, model: str) -> tuple[str, ...]:
        """A worker is about to work with an engine.

        Returns:
            Engines that it has to let go first, so that this one fits; one never loaded anywhere counts nothing, and
            is put right by `report`.
        """
        held = self._held[worker]
        if not model:
            return ()
        if model in held:
            held.move_to_end(model)
        else:
            held[model] = self._sizes.get(model, 0)
        return self._over_budget(worker, keep=model)

    def report(self, worker: int, holds: Mapping[str, int]) -> tuple[str, ...]:
        """What a worker says that it holds, in bytes.

        Returns:
            Engines that it has to let go: together they are more than the budget. The one used last stays.
        """
        held = self._held[worker]
        for model in [one for one in held if one not in holds]:
            del held[model]
        for model, size in holds.items():
            held[model] = self._sizes[model] = size
        return self._over_budget(worker, keep=next(reversed(held), ""))

    def lost(self, worker: int) -> None:
        """A worker's process is gone, and all that it held."""
        self._held[worker].clear()

    def _over_budget(self, worker: int, *, keep: str) -> tuple[str, ...]:
        held, budget = self._held[worker], self._budgets[worker]
        gone = list[str]()
        while budget and sum(held.values()) > budget:
            oldest = next((one for one in held if one != keep), None)
            if oldest is None:
                break
            del held[oldest]
            gone.append(oldest)
        return tuple(gone)
