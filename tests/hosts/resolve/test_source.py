"""The adapter's own files: Python 3.9, standard library, typed."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

FOLDER = ROOT / "hosts" / "resolve"
FILES = sorted(FOLDER.rglob("*.py"))
OURS = {"vfx_swap_resolve", "vfx_swap_bridge"}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_python_3_9_reads_it_and_it_needs_nothing_else(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"), feature_version=(3, 9))
    typing_only = {
        id(one)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for one in ast.walk(node)
    }
    roots = {
        name.split(".")[0]
        for node in ast.walk(tree)
        if id(node) not in typing_only
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }
    assert roots <= set(sys.stdlib_module_names) | OURS


def test_the_menu_s_script_is_python_once_it_is_installed() -> None:
    text = (FOLDER / "scripts" / "Vfx Swap.py.in").read_text(encoding="utf-8")
    ast.parse(text.replace("@MODULES@", "'x'").replace("@PAGE@", "'edit'"), feature_version=(3, 9))
