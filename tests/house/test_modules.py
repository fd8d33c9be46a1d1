"""Rules that hold for every module: `__all__` is the API, sizes, quick start, who may import what."""

from __future__ import annotations

import ast
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT, clean_environment
from tests.torch_devices import REQUIRED

MODULE_LINES = 400
FUNCTION_LINES = 60
BANNED_NAMES = {"utils", "util", "helpers", "helper", "manager", "data", "img", "common", "misc"}
HEAVY = (
    "av",
    "cv2",
    "dlib",
    "insightface",
    "matplotlib",
    "mediapipe",
    "onnx",
    "onnxruntime",
    "scipy",
    "skimage",
    "torch",
)

GENERATED = ROOT / "vfx_swap" / "v1"
PACKAGE = sorted(path for path in (ROOT / "vfx_swap").rglob("*.py") if path.parent != GENERATED)
SIZED = sorted(
    path for folder in ("vfx_swap", "tests", "scripts", "hosts") for path in (ROOT / folder).rglob("*.py")
    if not path.name.endswith(("_pb2.py", "_pb2_grpc.py"))
)  # fmt: skip


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=relative(path))


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def functions(tree: ast.Module) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    return [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]


def is_command(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> bool:
    """Whether a decorator makes it a command: API of the command line, not of the module."""
    return any("command(" in ast.unparse(decorator) for decorator in node.decorator_list)


def public_names(tree: ast.Module) -> set[str]:
    """Functions and classes a module defines at its top, without a leading underscore."""
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    nodes = [node for node in tree.body if isinstance(node, kinds) and not is_command(node)]
    return {node.name for node in nodes if not node.name.startswith("_")}


@pytest.mark.parametrize("path", PACKAGE, ids=relative)
def test_all_is_the_api(path: Path) -> None:
    try:
        module = importlib.import_module(module_name(path))
    except ModuleNotFoundError as error:  # the networks' own modules: torch is an extra
        if error.name != "torch" or "torch" in REQUIRED:
            raise
        pytest.skip("torch is not installed")
    names = getattr(module, "__all__", None)
    assert names is not None, f"{relative(path)} has no __all__"
    assert len(set(names)) == len(names)
    # Constants, then classes, then functions, each in alphabetical order, is ruff's RUF022; plain order is fine too.
    isort_style = sorted(names, key=lambda name: (0 if name.isupper() else 1 if name[0].isupper() else 2, name))
    assert list(names) in ([*isort_style], sorted(names)), f"{relative(path)}: __all__ is not sorted"
    missing = [name for name in names if not hasattr(module, name)]
    assert missing == [], f"{relative(path)}: __all__ names what does not exist"
    assert public_names(tree_of(path)) - set(names) == set(), f"{relative(path)}: public but not in __all__"


@pytest.mark.parametrize("path", PACKAGE, ids=relative)
def test_has_docstring_and_future_annotations(path: Path) -> None:
    tree = tree_of(path)
    if not tree.body:
        return
    assert ast.get_docstring(tree), f"{relative(path)} does not say what it is for"
    imports = [node for node in tree.body if isinstance(node, ast.ImportFrom) and node.module == "__future__"]
    only_says_what_it_is = path.name == "__init__.py" and len(tree.body) <= 2
    assert only_says_what_it_is or any(alias.name == "annotations" for node in imports for alias in node.names)


@pytest.mark.parametrize("path", SIZED, ids=relative)
def test_sizes(path: Path) -> None:
    lines = len(path.read_text(encoding="utf-8").splitlines())
    assert lines <= MODULE_LINES, f"{relative(path)} has {lines} lines"
    long = {
        node.name: size for node in functions(tree_of(path))
        if node.end_lineno is not None and (size := node.end_lineno - node.lineno + 1) > FUNCTION_LINES
    }  # fmt: skip
    assert long == {}, f"{relative(path)}: functions of more than {FUNCTION_LINES} lines"


def test_no_module_is_called_utils() -> None:
    assert [relative(path) for path in PACKAGE if BANNED_NAMES & {path.stem, path.parent.name}] == []


def test_only_the_service_imports_generated_code() -> None:
    wrong = []
    for path in PACKAGE:
        for node in ast.walk(tree_of(path)):
            names: list[str] = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [node.module or "", *(alias.name for alias in node.names)]
            ours = any(name.startswith("vfx_swap.v1") for name in names)
            if ours and path != ROOT / "vfx_swap/service/wire.py":
                wrong.append(f"{relative(path)}: {' '.join(names)}")
    assert wrong == []


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import sys\n"
        "import vfx_swap.cli.app\n"
        "sys.argv = ['vfx-swap', '--help']\n"
        "try:\n    vfx_swap.cli.app.main()\nexcept SystemExit:\n    pass\n"
        f"print('HEAVY', *sorted(set({HEAVY!r}) & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env=clean_environment(), capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "HEAVY", "vfx-swap --help must be quick: import these where they are used"
