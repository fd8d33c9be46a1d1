"""Nuke's published stub (types-nuke) as a module whose functions and classes can be looked at.

A stub is no program: classes stand before their bases, names in annotations may not exist, and overloads say nothing
when called. So its classes are sorted, annotations are left as text, and overloads are kept on the last of them.
"""

from __future__ import annotations
import __future__

import ast
import importlib.metadata
import inspect
from pathlib import Path
from types import ModuleType
from typing import Any

__all__ = ["fits", "load_stub", "signatures"]

PARTS = ("_nuke", "utils", "callbacks", "colorspaces", "executeInMain", "overrides", "scripts", "__init__")
"""What `__init__.pyi` takes names from, in its order, and what it says itself."""


def load_stub() -> ModuleType:
    """The whole `nuke` of the stub."""
    files = importlib.metadata.files("types-nuke") or []
    module = ModuleType("nuke_stub")
    for part in PARTS:
        [file] = [file for file in files if file.name == f"{part}.pyi" and file.parent.name == "nuke-stubs"]
        _execute(ast.parse(Path(str(file.locate())).read_text(encoding="utf-8")), module.__dict__)
    return module


def _execute(tree: ast.Module, names: dict[str, Any]) -> None:
    kept = [node for node in tree.body if not isinstance(node, ast.Import | ast.ImportFrom) or _is_typing(node)]
    classes = {node.name: node for node in kept if isinstance(node, ast.ClassDef)}
    done: dict[str, ast.ClassDef] = {}

    def add(node: ast.ClassDef) -> None:
        for base in node.bases:
            if isinstance(base, ast.Name) and base.id in classes and base.id not in done:
                add(classes[base.id])
        done.setdefault(node.name, node)

    for node in classes.values():
        add(node)
    others = [node for node in kept if not isinstance(node, ast.ClassDef)]
    imports = [node for node in others if isinstance(node, ast.ImportFrom)]
    early = [node for node in others if isinstance(node, ast.Assign) and "TypeVar" in ast.unparse(node)]
    late = [node for node in others if node not in imports and node not in early]
    tree.body = [*imports, *early, *done.values(), *late]
    names.update({"__name__": "nuke_stub"})
    code = compile(tree, "nuke-stubs", "exec", flags=__future__.annotations.compiler_flag, dont_inherit=True)
    seen: dict[str, list[Any]] = {}

    def overload(function: Any) -> Any:
        same = seen.setdefault(function.__qualname__, [])
        same.append(function)
        function.overloads = same
        return function

    exec(code, _Names(names, overload))  # noqa: S102  # the stub, pinned by digest
    for name in [name for name, value in names.items() if value is overload]:
        del names[name]


class _Names(dict[str, Any]):
    """Where a stub is run: `overload` stays ours, whatever it imports."""

    def __init__(self, names: dict[str, Any], overload: Any) -> None:
        super().__init__(names)
        self._target = names
        self._overload = overload
        super().__setitem__("overload", overload)

    def __setitem__(self, name: str, value: Any) -> None:
        kept = self._overload if name == "overload" else value
        super().__setitem__(name, kept)
        self._target[name] = kept


def _is_typing(node: ast.Import | ast.ImportFrom) -> bool:
    return isinstance(node, ast.ImportFrom) and node.module == "typing"


def signatures(function: Any) -> list[inspect.Signature]:
    """Every way that the stub lets it be called."""
    plain = getattr(function, "__func__", function)
    return [inspect.signature(one) for one in getattr(plain, "overloads", [plain])]


def fits(function: Any, *words: Any, **named: Any) -> bool:
    """Whether the stub lets it be called so."""

    def bound(signature: inspect.Signature) -> bool:
        try:
            signature.bind(*words, **named)
        except TypeError:
            return False
        return True

    return any(bound(signature) for signature in signatures(function))
