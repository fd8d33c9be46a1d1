"""The one error that an adapter shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["AgentError", "error_of"]


class AgentError(Exception):
    """What went wrong, in sentences for an artist.

    Args:
        kind: class of vfx-swap's own errors, or `AgentMissing`, `AgentEnded`, `AgentSilent`, `AgentOther`.
        what: what happened.
        where: a file, or empty.
        mend: what to do about it, or empty.
        problems: of a shot: {"key", "what"} each.
        failures: of a render: {"frame", "reason"} each.
    """

    def __init__(
        self,
        kind: str,
        what: str,
        *,
        where: str = "",
        mend: str = "",
        problems: Sequence[Mapping[str, Any]] = (),
        failures: Sequence[Mapping[str, Any]] = (),
    ) -> None:
        self.kind, self.what, self.where, self.mend = kind, what, where, mend
        self.problems, self.failures = tuple(problems), tuple(failures)
        super().__init__(self._sentence())

    def _sentence(self) -> str:
        what = self.what if not self.where or self.where in self.what else f"{self.where}: {self.what}"
        lines = [what]
        lines += [f"  {one.get('key', '')}: {one.get('message') or one.get('what', '')}" for one in self.problems[:5]]
        lines += [f"  frame {one.get('frame')}: {one.get('reason', '')}" for one in self.failures[:5]]
        left = max(len(self.problems) - 5, 0) + max(len(self.failures) - 5, 0)
        if left:
            lines.append(f"  and {left} more")
        if self.mend:
            lines.append(self.mend)
        return "\n".join(lines)


def error_of(told: Mapping[str, Any]) -> AgentError:
    """The agent's `error`, whatever it lacks."""

    def text(key: str) -> str:
        value = told.get(key)
        return "" if value is None else str(value)

    def rows(key: str) -> list[Mapping[str, Any]]:
        value = told.get(key)
        return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []

    kind, what = text("kind") or "AgentOther", text("what") or "it failed, and did not say why"
    return AgentError(
        kind, what, where=text("where"), mend=text("mend"), problems=rows("problems"), failures=rows("failures")
    )
