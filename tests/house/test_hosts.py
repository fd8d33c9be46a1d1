"""Adapters are of the standard library, their host's own API and the bridge, for Python 3.9."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

HOSTS = ROOT / "hosts"
MODULES = sorted(HOSTS.rglob("*.py"))
HOST_APIS = {
    "blender": {"bpy", "bpy_extras", "mathutils", "gpu"},
    "nuke": {"nuke", "nukescripts", "PySide2", "PySide6", "vfx_swap_nuke"},
    "resolve": {"DaVinciResolveScript", "fusionscript", "vfx_swap_resolve"},
    "bridge": set(),
}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(HOSTS).as_posix())
def test_it_imports_nothing_that_a_host_lacks(path: Path) -> None:
    allowed = {*sys.stdlib_module_names, "vfx_swap_bridge", *HOST_APIS[path.relative_to(HOSTS).parts[0]]}
    allowed |= {one.stem for one in path.parent.glob("*.py")}
    imported = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"), feature_version=(3, 9))):
        if isinstance(node, ast.Import):
            imported |= {one.name.partition(".")[0] for one in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            imported.add((node.module or "").partition(".")[0])
    assert imported - allowed == set()


def test_every_adapter_is_looked_at() -> None:
    assert {path.relative_to(HOSTS).parts[0] for path in MODULES} == set(HOST_APIS)
