"""init.py and menu.py: what they add, and that nothing in them can keep Nuke from starting."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.hosts.nuke.conftest import HOSTS, Session
from tests.hosts.nuke.fake_nuke import CALLBACKS

NUKE = HOSTS / "nuke"
MODULES = sorted((NUKE / "python" / "vfx_swap_nuke").glob("*.py"))


def run(name: str) -> None:
    path = NUKE / name
    exec(compile(path.read_text(encoding="utf-8"), str(path), "exec"), {"__name__": path.stem})  # noqa: S102  # as Nuke


def test_init_adds_paths_and_callbacks_in_both_kinds_of_session(gui: Session, terminal: Session) -> None:
    for session in (gui, terminal):
        assert str(NUKE / "python") in session.fake.paths
        assert str(NUKE / "icons") in session.fake.paths
    used = {event for event in CALLBACKS if terminal.fake.callbacks[event]}
    assert used == {"OnCreate", "KnobChanged", "BeforeFrameRender"}


def test_the_menu_is_added_once_and_its_commands_work(gui: Session) -> None:
    run("menu.py")
    before = dict(gui.fake.commands)
    run("menu.py")
    assert gui.fake.commands == before
    command, icon = before["Nodes/VfxSwap/VfxSwap"]
    assert (NUKE / "icons" / icon).is_file()
    for path, (text, _) in before.items():
        if text:
            compile(text, path, "exec")
            name = text.rpartition("actions.")[2].partition("(")[0]
            assert callable(getattr(gui.adapter("actions"), name)), path
    assert "create()" in command


@pytest.mark.parametrize("name", ["init.py", "menu.py"])
@pytest.mark.parametrize("broken", ["no nuke", "syntax", "exit"])
def test_neither_ever_raises(name: str, broken: str, tmp_path: Path) -> None:
    """In a Python of its own: without nuke, with a module of ours that does not compile, or that ends the process."""
    home = tmp_path / "nuke"
    (home / "python" / "vfx_swap_nuke").mkdir(parents=True)
    (home / name).write_text((NUKE / name).read_text(encoding="utf-8"), encoding="utf-8")
    if broken != "no nuke":
        said = "def (" if broken == "syntax" else "raise SystemExit(3)"
        (home / "python" / "vfx_swap_nuke" / "__init__.py").write_text(said, encoding="utf-8")
        (tmp_path / "nuke.py").write_text(
            "import sys\ndef pluginAddPath(args, addToSysPath=True): sys.path.insert(0, args)\n", encoding="utf-8"
        )
    lines = (
        f"import sys; sys.path[:0] = [{str(home / 'python')!r}, {str(tmp_path)!r}]",
        f"path = {str(home / name)!r}",
        "exec(compile(open(path).read(), path, 'exec'), {})",
        "print('up')",
    )
    code = "\n".join(lines)
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, "up"), done.stderr
    assert done.stderr.startswith("vfx-swap: ")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("path", [NUKE / "init.py", NUKE / "menu.py", *MODULES], ids=lambda path: path.name)
def test_it_is_python_3_9_and_knows_no_library(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"), feature_version=(3, 9))
    taken = {name.partition(".")[0] for node in ast.walk(tree) for name in _imported(node)}
    ours = {"nuke", "vfx_swap_nuke", "vfx_swap_bridge"}
    assert taken - ours - set(sys.stdlib_module_names) == set()
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.Match)]


def _imported(node: Any) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    return [node.module or ""] if isinstance(node, ast.ImportFrom) else []
