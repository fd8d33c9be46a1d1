"""A Nuke that behaves as the adapter may rely on: graph, knobs, callbacks, two kinds of session, one main thread.

Whatever a module of the adapter calls is first held against the published stub (types-nuke): a name, an argument or a
keyword that the stub lacks is an error here too. What is known to hang, crash or raise in Nuke is an error here.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
import queue
import threading
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any, Self

from tests.hosts.nuke import fake_graph, fake_knobs
from tests.hosts.nuke.fake_graph import CLASSES, Group, Node, Root
from tests.hosts.nuke.fake_pictures import FakePictures
from tests.hosts.nuke.fake_script import add_nodes, written
from tests.hosts.nuke.nk import read_script
from tests.hosts.nuke.stub import fits, load_stub

__all__ = ["CALLBACKS", "FakeNuke", "MainThreadError"]

CALLBACKS = (
    "OnCreate",
    "OnScriptLoad",
    "OnScriptClose",
    "OnDestroy",
    "KnobChanged",
    "BeforeFrameRender",
    "BeforeRender",
)
KNOBS = ("Boolean_Knob", "Color_Knob", "Double_Knob", "Enumeration_Knob", "File_Knob", "Int_Knob", "Knob",
         "PyScript_Knob", "String_Knob", "Tab_Knob", "Text_Knob")  # fmt: skip
STUB = load_stub()


class MainThreadError(AssertionError):
    """What crashes or hangs a real Nuke."""


class FakeNuke(FakePictures):
    """One session; `module` is what `import nuke` gives.

    Args:
        gui: a window, or a terminal session (`nuke -t`).
    """

    def __init__(self, *, gui: bool = True) -> None:
        self.gui = gui
        self.main = threading.get_ident()
        self.root = Root(self)
        self.groups: list[Group] = []
        self.callbacks: dict[str, list[tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any], str]]] = {
            name: [] for name in CALLBACKS
        }
        self.waiting: queue.SimpleQueue[tuple[Callable[..., Any], Any, Any]] = queue.SimpleQueue()
        self.tasks: list[Any] = []
        self.cancel_tasks = False
        self.said: list[str] = []
        self.answers: dict[str, Any] = {}
        self.commands: dict[str, tuple[str, str]] = {}
        self.paths: list[str] = []
        self.script = ""
        self.frame = 1
        self.executed: list[tuple[str, int, int, list[str]]] = []
        self._context: list[tuple[Any, Any]] = []
        self.module = self._module()

    # What tests use.

    def must_be_main_thread(self, what: str) -> None:
        """Raises:
        MainThreadError: this is another thread.
        """
        if threading.get_ident() != self.main:
            raise MainThreadError(f"{what} outside the main thread crashes Nuke")

    def process_events(self) -> int:
        """What the window's event loop does: calls that other threads asked for; how many."""
        done = 0
        with contextlib.suppress(queue.Empty):
            while True:
                call, args, kwargs = self.waiting.get_nowait()
                call(*args, **kwargs)
                done += 1
        return done

    @contextlib.contextmanager
    def context(self, node: Any, knob: Any = None) -> Iterator[None]:
        """`thisNode` and `thisKnob`."""
        self._context.append((node, knob))
        try:
            yield
        finally:
            self._context.pop()

    def make(self, kind: str, parent: Group | None = None) -> Node:
        """A node, named, in the group at hand."""
        if kind not in CLASSES:
            raise RuntimeError(f"{kind}: Unknown command")
        above = parent or (self.groups[-1] if self.groups else self.root)
        node = (Group if kind == "Group" else Node)(self, kind, above)
        node._knobs["name"]._held = above._free(f"{kind}1")
        above._nodes[node._name()] = node
        return node

    def load(self, text: str) -> list[Any]:
        """Open or paste a script: nodes come up, then callbacks run."""
        made = add_nodes(self.root, read_script(text), self)
        for node in made:
            self.call_back("OnCreate", node)
        for node in made:
            self.call_back("OnScriptLoad", node)
        return made

    def saved(self) -> str:
        """The script as text."""
        return "version 14.0 v5\n" + written(self.root)

    def call_back(self, event: str, node: Any, knob: Any = None) -> None:
        """What was registered for an event of a node."""
        for call, args, kwargs, kind in list(self.callbacks[event]):
            if kind in ("*", node.Class()):
                with self.context(node, knob):
                    call(*args, **kwargs)

    def knob_changed(self, node: Any, knob: Any) -> None:
        """A knob has another value."""
        self.call_back("KnobChanged", node, knob)

    def evaluate(self, node: Any, expression: str) -> Any:
        """`parent.name`, as a number."""
        assert expression.startswith("parent."), expression
        return float(node._parent[expression.removeprefix("parent.")].value())

    # What the adapter sees.

    def _module(self) -> ModuleType:
        module = ModuleType("nuke")
        for name in KNOBS:
            setattr(module, name, _bounded_class(getattr(fake_knobs, name), name))
        for name, bits in {**fake_knobs.FLAGS, **fake_knobs.TAB_FLAGS}.items():
            setattr(module, name, bits)
        for name in ("Node", "Group", "Root"):
            setattr(module, name, _bounded_class(getattr(fake_graph, name), name))
        for name, value in inspect.getmembers(self, inspect.ismethod):
            if name.startswith("nuke_"):
                stubbed = getattr(STUB, name.removeprefix("nuke_"))
                setattr(module, name.removeprefix("nuke_"), _bounded(value, stubbed, name.removeprefix("nuke_")))
        for event in CALLBACKS:
            stubbed = getattr(STUB, f"add{event}")
            setattr(module, f"add{event}", _bounded(self._adder(event), stubbed, f"add{event}"))
        vars(module).update(
            GUI=self.gui, EXE_PATH="/usr/local/Nuke/Nuke", NUKE_VERSION_MAJOR=14, NUKE_VERSION_STRING="14.0v5",
            nodes=_Makers(self), env={"gui": self.gui}, ProgressTask=self._task_class(), CancelledError=type(
                "CancelledError", (Exception,), {}), Undo=_Undo,
        )  # fmt: skip
        return module

    def _adder(self, event: str) -> Callable[..., None]:
        def add(call: Any, args: Any = (), kwargs: Any = None, nodeClass: str = "*", node: Any = None) -> None:
            self.callbacks[event].append((call, args, kwargs or {}, nodeClass))

        return add

    def _task_class(self) -> type:
        host = self

        class ProgressTask:
            """Belongs to the thread that made it; `del` closes it."""

            def __init__(self, name: str) -> None:
                self.name, self.thread = name, threading.get_ident()
                self.messages: list[str] = []
                self.steps: list[int] = []
                assert host.gui, "there is no progress bar in a terminal session"
                host.tasks.append(self)

            def setMessage(self, text: str) -> None:  # noqa: N802  # Nuke's
                assert threading.get_ident() == self.thread
                self.messages.append(text)

            def setProgress(self, percent: int) -> None:  # noqa: N802
                assert threading.get_ident() == self.thread
                assert isinstance(percent, int), percent
                assert 0 <= percent <= 100
                self.steps.append(percent)

            def isCancelled(self) -> bool:  # noqa: N802
                assert threading.get_ident() == self.thread
                return host.cancel_tasks

        return ProgressTask

    def nuke_root(self) -> Root:
        return self.root

    def nuke_views(self) -> list[str]:
        return str(self.root["views"].value() or "main").split()

    def nuke_scriptName(self) -> str:  # noqa: N802
        if not self.script:
            raise RuntimeError("no script name")
        return self.script

    def nuke_frame(self, f: int = 0) -> int:
        return self.frame

    def nuke_thisView(self) -> str:  # noqa: N802
        return self.nuke_views()[0]

    def nuke_tcl(self, cmd: str, *args: str) -> str:
        """`subst` of the one expression that everybody writes."""
        assert cmd == "subst", cmd
        return args[0].replace("[file dirname [value root.name]]", self.script.rpartition("/")[0])

    def nuke_toNode(self, s: str) -> Any:  # noqa: N802
        at: Any = self.root
        for part in s.removeprefix("root.").split("."):
            at = at._nodes.get(part) if isinstance(at, Group) else None
        return at

    def nuke_allNodes(self, filter: str = "", group: Any = None, recurseGroups: bool = False) -> list[Node]:  # noqa: N802
        here = (group or self.root).nodes()
        deeper = [node for one in here if isinstance(one, Group) and recurseGroups
                  for node in self.nuke_allNodes("", one, True)]  # fmt: skip
        return [one for one in [*here, *deeper] if filter in ("", one.Class())]

    def nuke_selectedNodes(self, filter: str = "") -> list[Node]:  # noqa: N802
        return [one for one in self.root.nodes() if one.isSelected() and filter in ("", one.Class())]

    def nuke_thisNode(self) -> Any:  # noqa: N802
        return self._context[-1][0]

    def nuke_thisKnob(self) -> Any:  # noqa: N802
        return self._context[-1][1]

    def nuke_createNode(self, typ: str, knobs: str = "", inpanel: bool = True) -> Any:  # noqa: N802
        self.must_be_main_thread("createNode")
        chosen = [one for one in self.root.nodes() if one.isSelected()]
        node = self.make(typ)
        if chosen and node.maxInputs():
            node.setInput(0, chosen[0])
        for one in chosen:
            one.setSelected(False)
        node.setSelected(True)
        self.call_back("OnCreate", node)
        return node

    def nuke_delete(self, n: Any) -> None:
        self.must_be_main_thread("delete")
        self.call_back("OnDestroy", n)
        del n._parent._nodes[n._name()]
        n._gone = True

    def nuke_executeInMainThread(self, call: Any, args: Any = (), kwargs: Any = None) -> None:  # noqa: N802
        if threading.get_ident() == self.main:
            raise MainThreadError("executeInMainThread from the main thread hangs Nuke")
        if not self.gui:
            raise MainThreadError("a terminal session has no event loop that would run it")
        assert isinstance(args, tuple), f"args is a tuple, not {args!r}"
        self.waiting.put((call, args, kwargs or {}))

    def nuke_execute(
        self,
        nameOrNode: Any,
        start: int = 0,
        end: int = 0,
        incr: int = 1,
        views: Any = None,
        continueOnError: bool = False,
    ) -> None:
        self.must_be_main_thread("execute")
        node = self.nuke_toNode(nameOrNode) if isinstance(nameOrNode, str) else nameOrNode
        names = list(views or self.nuke_views())
        self.executed.append((node.fullName(), start, end, names))
        self.render(node, start, end, incr, names)

    def nuke_message(self, prompt: str) -> None:
        self.must_be_main_thread("message")
        assert self.gui, "a message in a terminal session waits for nobody"
        self.said.append(prompt)

    def nuke_ask(self, prompt: str) -> bool:
        self.nuke_message(prompt)
        return bool(self.answers.get("ask", True))

    def nuke_choice(self, title: Any, prompt: Any, options: Any, default: int = 0) -> Any:
        self.nuke_message(f"{title}: {prompt}: {', '.join(options)}")
        return self.answers.get("choice")

    def nuke_getFilename(self, *prompt: Any) -> Any:  # noqa: N802
        self.must_be_main_thread("getFilename")
        assert self.gui, "a terminal session shows no file browser"
        return self.answers.get("file")

    def nuke_tprint(self, *args: Any, sep: str = " ", end: str = "\n", file: Any = None) -> None:
        self.said.append(sep.join(map(str, args)))

    def nuke_pluginAddPath(self, args: Any, addToSysPath: bool = True) -> None:  # noqa: N802
        self.paths.insert(0, str(args))

    def nuke_menu(self, name: str) -> Any:
        assert self.gui, "there are no menus in a terminal session"
        return _Menu(self, name)

    def nuke_loadToolset(self, filename: str) -> Any:  # noqa: N802
        with open(filename, encoding="utf-8") as stream:  # as Nuke: a path as text
            made = self.load(stream.read())
        return made[-1]


class _Menu:
    def __init__(self, host: FakeNuke, path: str) -> None:
        self._host, self._path = host, path

    def addMenu(self, name: str, icon: str = "") -> _Menu:  # noqa: N802
        self._host.commands.setdefault(f"{self._path}/{name}", ("", icon))
        return _Menu(self._host, f"{self._path}/{name}")

    def addCommand(self, name: str, command: str, shortcut: str = "", icon: str = "") -> None:  # noqa: N802
        self._host.commands[f"{self._path}/{name}"] = (command, icon)

    def addSeparator(self) -> None:  # noqa: N802
        self._host.commands[f"{self._path}/-"] = ("", "")

    def findItem(self, name: str) -> _Menu | None:  # noqa: N802
        return _Menu(self._host, f"{self._path}/{name}") if f"{self._path}/{name}" in self._host.commands else None


class _Undo:
    def __init__(self, name: str = "") -> None:
        self.name = name

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None: ...


class _Makers:
    """`nuke.nodes.Read(...)`: a node that is not plugged into what is selected."""

    def __init__(self, host: FakeNuke) -> None:
        self._host = host

    def __getattr__(self, kind: str) -> Callable[..., Node]:
        def make(**knobs: Any) -> Node:
            self._host.must_be_main_thread(f"nodes.{kind}")
            node = self._host.make(kind)
            if "name" in knobs:
                node.setName(knobs.pop("name"))
            for name, value in knobs.items():
                node[name].setValue(value)
            return node

        return make


def _bounded(function: Any, stubbed: Any, name: str) -> Any:
    @functools.wraps(function)
    def checked(*words: Any, **named: Any) -> Any:
        assert fits(stubbed, *words, **named), f"the stub does not let nuke.{name} be called with {words} {named}"
        return function(*words, **named)

    return checked


def _bounded_class(kind: type, name: str) -> type:
    """The class, once and for all held to the stub's methods."""
    stubbed = getattr(STUB, name)
    for method, function in list(vars(kind).items()):
        if method.startswith("_") or not inspect.isfunction(function) or hasattr(function, "__wrapped__"):
            continue
        theirs = getattr(stubbed, method, None)
        assert theirs is not None, f"the stub's {name} has no {method}"
        setattr(kind, method, _bounded_method(function, theirs, f"{name}.{method}"))
    return kind


def _bounded_method(function: Any, stubbed: Any, name: str) -> Any:
    @functools.wraps(function)
    def checked(self: Any, *words: Any, **named: Any) -> Any:
        assert fits(stubbed, self, *words, **named), f"the stub does not let {name} be called with {words} {named}"
        return function(self, *words, **named)

    return checked
