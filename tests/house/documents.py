"""Code blocks of the README and the docs, as the tests run them."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path

from markdown_it import MarkdownIt

from tests.conftest import ROOT

__all__ = ["LANGUAGES", "RUN_ELSEWHERE", "Block", "blocks_of", "documents", "mentions", "split_bash"]

LANGUAGES = {
    "bash": "run, line by line as it stands, in a folder that looks like the clone",
    "python": "run as a script",
    "toml": "parsed; a shot file is validated; `toml NAME.toml` is also written to that file for the blocks below it",
    "json": "parsed",
    "console": "not run: shown with its prompt, for what a test cannot do (clone, sudo, another machine)",
    "text": "not run: a drawing, an output, a file tree",
}
"""Languages a block may have, and what the tests do with it."""

RUN_ELSEWHERE = {
    "scripts/demo": "the fixture demo_run, once per suite, with fewer frames",
    "scripts/test": "whoever runs the tests",
    "scripts/check": ".ci/run",
    "scripts/setup": "scripts/test",
    "scripts/lock": "needs a registry",
    "scripts/bench": "takes minutes",
}
"""Commands that a bash block may show and the runner leaves out, and who runs them."""


@dataclass(frozen=True)
class Block:
    """One fenced block."""

    document: Path
    line: int
    """1-based line of its first line of code."""
    language: str
    file: str | None
    """Name of the file that blocks below find it under, or None."""
    code: str

    def __str__(self) -> str:
        return f"{self.document.relative_to(ROOT).as_posix()}:{self.line}"


def documents() -> list[Path]:
    """README, the other pages at the top, and all of docs/ and hosts/."""
    return [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md")), *sorted((ROOT / "hosts").rglob("*.md"))]


def blocks_of(document: Path) -> list[Block]:
    """All fenced blocks in order. Blocks that are only indented are plain text."""
    tokens = MarkdownIt("commonmark").parse(document.read_text(encoding="utf-8"))
    found = []
    for token in tokens:
        if token.type == "fence" and token.map:
            language, _, file = token.info.strip().partition(" ")
            found.append(
                Block(document, line=token.map[0] + 2, language=language, file=file or None, code=token.content)
            )
    return found


def mentions(blocks: list[Block], word: str) -> bool:
    """Whether what is run of a page works on something."""
    return any(word in block.code for block in blocks if block.language in {"bash", "python"})


def split_bash(code: str) -> tuple[str, list[list[str]]]:
    """A bash block without the commands that are run elsewhere, and those commands, split into words."""
    kept, elsewhere = [], []
    for line in code.splitlines():
        words = shlex.split(line, comments=True) if line.startswith("scripts/") else []
        if words and words[0] in RUN_ELSEWHERE:
            elsewhere.append(words)
        else:
            kept.append(line)
    return "\n".join(kept), elsewhere
