"""Sessions of a fake Nuke with the adapter in them."""

from __future__ import annotations

import importlib
import json
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT
from tests.hosts.nuke.fake_nuke import FakeNuke
from vfx_swap.service.options import describe_options

HOSTS = ROOT / "hosts"
FOLDERS = (str(HOSTS / "nuke" / "python"), str(HOSTS / "bridge"))
SECONDS = 12.0


@dataclass(eq=False)
class Session:
    """A Nuke that has read our init.py."""

    fake: FakeNuke
    nuke: Any

    def adapter(self, name: str) -> Any:
        """A module of the adapter."""
        return importlib.import_module(f"vfx_swap_nuke.{name}")

    def options(self, *engines: str) -> dict[str, Any]:
        """What an agent answers to `options`."""
        ids = ("reprojection", *engines)
        plain = [json.loads(json.dumps(vars(one))) for one in describe_options(ids)]
        return {"engines": list(ids), "options": plain}

    def read(self, pattern: str, *, first: int = 1, last: int = 6, name: str = "Read1") -> Any:
        """A Read of ACEScg files."""
        node = self.nuke.nodes.Read(file=pattern, file_type="exr", first=first, last=last, name=name)
        node["colorspace"].setValue("ACEScg")
        return node

    def create(self, above: Any = None, **knobs: Any) -> Any:
        """One of our nodes below another, with the agent's options; knobs by name without `vs_`."""
        for node in self.nuke.selectedNodes():
            node.setSelected(False)
        if above is not None:
            above.setSelected(True)
        group = self.adapter("node").create()
        self.adapter("knobs").refresh(group, self.options("network"))
        for name, value in knobs.items():
            group[f"vs_{name}"].setValue(value)
        return group

    def until(self, said: Callable[[], object]) -> None:
        """Let the window's events run until something holds."""
        ends = time.monotonic() + SECONDS
        while not said():
            assert time.monotonic() < ends, "it never came to that"
            self.fake.process_events()
            time.sleep(0.01)


def start(monkeypatch: pytest.MonkeyPatch, *, gui: bool) -> Iterator[Session]:
    """A new Nuke: no module of ours is loaded yet."""
    fake = FakeNuke(gui=gui)
    monkeypatch.setitem(sys.modules, "nuke", fake.module)
    for folder in FOLDERS:
        monkeypatch.syspath_prepend(folder)
    forget()
    text = (HOSTS / "nuke" / "init.py").read_text(encoding="utf-8")
    exec(compile(text, str(HOSTS / "nuke" / "init.py"), "exec"), {"__name__": "init"})  # noqa: S102  # as Nuke does
    yield Session(fake, fake.module)
    forget()


def forget() -> None:
    """Our modules hold the Nuke that they were loaded with."""
    for name in [name for name in sys.modules if name.partition(".")[0] == "vfx_swap_nuke"]:
        del sys.modules[name]


@pytest.fixture
def gui(monkeypatch: pytest.MonkeyPatch) -> Iterator[Session]:
    """With a window."""
    yield from start(monkeypatch, gui=True)


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[Session]:
    """`nuke -t`."""
    yield from start(monkeypatch, gui=False)


@pytest.fixture
def script(gui: Session, tmp_path: Path) -> Session:
    """With a window and a script that was saved."""
    gui.fake.script = str(tmp_path / "comp.nk")
    return gui
