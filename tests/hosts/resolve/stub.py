"""What fusionscript-stubs says of Resolve's objects: every method's signatures, read from the stub's text."""

from __future__ import annotations

import ast
import functools
import importlib.metadata
import inspect
from pathlib import Path
from typing import Any

__all__ = ["Bounded", "signatures"]


@functools.cache
def signatures() -> dict[str, dict[str, list[inspect.Signature]]]:
    """Class -> method -> its overloads, without `self`."""
    [file] = [one for one in importlib.metadata.files("fusionscript-stubs") or [] if one.name == "fusionscript.pyi"]
    tree = ast.parse(Path(str(file.locate())).read_text(encoding="utf-8"))
    found: dict[str, dict[str, list[inspect.Signature]]] = {}
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            methods = found.setdefault(node.name, {})
            for one in node.body:
                if isinstance(one, ast.FunctionDef):
                    methods.setdefault(one.name, []).append(_signature(one.args))
    return found


def _signature(args: ast.arguments) -> inspect.Signature:
    kinds = inspect.Parameter
    plain = [*args.posonlyargs, *args.args]
    needed = len(plain) - len(args.defaults)
    made = [
        kinds(one.arg, kinds.POSITIONAL_OR_KEYWORD, default=kinds.empty if index < needed else None)
        for index, one in enumerate(plain)
    ][1:]
    if args.vararg is not None:
        made.append(kinds(args.vararg.arg, kinds.VAR_POSITIONAL))
    return inspect.Signature(made)


class Bounded:
    """A fake of one of Resolve's classes: it can do what the stub knows, called as the stub says, and no more.

    As in Resolve any other attribute is there, and is None: `hasattr` says yes to everything, only `dir` tells.
    """

    STUB = ""

    def __init_subclass__(cls, **more: Any) -> None:
        super().__init_subclass__(**more)
        if not cls.STUB:
            return
        known = signatures()[cls.STUB]
        for name, method in list(vars(cls).items()):
            if name[0].isupper() and name != "STUB":
                if name not in known:
                    raise TypeError(f"{cls.STUB} has no method {name}")
                setattr(cls, name, _checked(cls.STUB, name, method, known[name]))

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return None

    def __dir__(self) -> list[str]:
        return [name for name in vars(type(self)) if name[0].isupper() and name != "STUB"]


def _checked(kind: str, name: str, method: Any, overloads: list[inspect.Signature]) -> Any:
    @functools.wraps(method)
    def call(self: Any, *args: Any, **more: Any) -> Any:
        for one in overloads:
            try:
                one.bind(*args, **more)
            except TypeError:
                continue
            return method(self, *args, **more)
        raise TypeError(f"{kind}.{name} is not called with {args} {more}: {overloads}")

    return call
