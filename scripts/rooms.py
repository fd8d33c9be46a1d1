"""Writes the list of rooms into docs/design/<floor>.md, from the first sentence of each module's docstring.

Run it after adding, renaming or re-describing a module: `.venv/bin/python -m scripts.rooms`.
A test fails when a page and the modules differ.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

__all__ = ["FLOORS", "with_rooms"]

ROOT = Path(__file__).resolve().parent.parent
FLOORS = (
    "cli",
    "client",
    "service",
    "farm",
    "pipeline",
    "models",
    "io",
    "colour",
    "geometry",
    "comp",
    "light",
    "settings",
)
START, END = "<!-- rooms: made by scripts.rooms from the modules' docstrings -->", "<!-- /rooms -->"


def _sentence(module: Path) -> str:
    text = ast.get_docstring(ast.parse(module.read_text(encoding="utf-8"))) or ""
    first = " ".join(text.split("\n\n")[0].split())
    return re.sub(r"(?<=[a-z0-9)`\]])\. .*$", "", first).rstrip(".").replace("|", "\\|")


def _rooms(floor: str) -> list[tuple[str, Path]]:
    """Names and the module that describes them: files, and folders by their __init__."""
    folder = ROOT / "vfx_swap" / floor
    found = []
    for path in sorted(folder.iterdir()):
        name = path.relative_to(ROOT).as_posix()
        if path.suffix == ".py" and not path.name.startswith("_"):
            found.append((name, path))
        elif (path / "__init__.py").is_file() and not path.name.startswith("_"):
            found.append((f"{name}/", path / "__init__.py"))
    return found


def with_rooms(page: Path) -> str:
    """The text of a floor's design page with its list of rooms brought up to date.

    Raises:
        ValueError: the page has no place for the list.
    """
    text = page.read_text(encoding="utf-8")
    if START not in text or END not in text:
        raise ValueError(f"{page} lacks {START!r} or {END!r}")
    rows = "".join(f"| `{name}` | {_sentence(module)} |\n" for name, module in _rooms(page.stem))
    before, rest = text.split(START, 1)
    after = rest.split(END, 1)[1]
    return f"{before}{START}\n| room | what it is |\n| --- | --- |\n{rows}{END}{after}"


def _main() -> None:
    for floor in FLOORS:
        page = ROOT / f"docs/design/{floor}.md"
        fresh = with_rooms(page)
        if fresh != page.read_text(encoding="utf-8"):
            page.write_text(fresh, encoding="utf-8")
            print(f"{page.relative_to(ROOT)} brought up to date")


if __name__ == "__main__":
    _main()
