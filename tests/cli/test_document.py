"""docs/command-line.md and the program say the same."""

from __future__ import annotations

import re
from typing import Any

import typer

from tests.conftest import ROOT
from vfx_swap.cli.app import app
from vfx_swap.errors import VfxSwapError

PAGE = (ROOT / "docs" / "command-line.md").read_text(encoding="utf-8")
EVERYWHERE = {"--json", "--debug", "--help"}


def commands() -> dict[str, Any]:
    """`vfx-swap ...` -> command, for every command there is."""
    found: dict[str, Any] = {}

    def walk(command: Any, path: str) -> None:
        below = getattr(command, "commands", None)
        if below is None:
            found[path] = command
        for name, one in (below or {}).items():
            walk(one, f"{path} {name}")

    walk(typer.main.get_command(app), "vfx-swap")
    return found


def sections() -> dict[str, str]:
    """Heading of a command -> its section."""
    parts = re.split(r"^## (.*)$", PAGE, flags=re.MULTILINE)[1:]
    return {
        heading.strip("`"): text
        for heading, text in zip(parts[::2], parts[1::2], strict=True)
        if heading.startswith("`vfx-swap")
    }


def test_every_command_has_its_section_and_no_other() -> None:
    assert set(sections()) == set(commands())


def test_every_option_stands_in_its_commands_table_and_no_other() -> None:
    for path, command in commands().items():
        options = {option for one in command.params for option in one.opts if option.startswith("--")}
        listed = set(re.findall(r"^\| `(--[A-Za-z_-]+)", sections()[path], flags=re.MULTILINE))
        assert listed == options - EVERYWHERE, path
        assert options >= EVERYWHERE - {"--help"}, path


def test_every_argument_is_named() -> None:
    for path, command in commands().items():
        for one in command.params:
            if not one.opts[0].startswith("--"):
                assert one.metavar in sections()[path], f"{path}: {one.metavar}"


def test_every_exit_code_is_explained() -> None:
    def codes(kind: type[VfxSwapError]) -> set[int]:
        return {kind.exit_code}.union(*(codes(below) for below in kind.__subclasses__()))

    explained = {int(code) for code in re.findall(r"^\| (\d+) \|", PAGE, flags=re.MULTILINE)}
    assert explained >= codes(VfxSwapError) | {0}
