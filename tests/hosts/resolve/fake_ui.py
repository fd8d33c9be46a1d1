"""Resolve's UIManager as far as its examples show it: kinds of widgets, their attributes, handlers by name."""

from __future__ import annotations

from typing import Any

__all__ = ["FakeDispatcher", "FakeFusion", "FakeUi"]

COMMON = {"ID", "Enabled", "Weight", "ToolTip", "Text"}
KINDS = {
    "VGroup": set[str](),
    "HGroup": set[str](),
    "Label": {"WordWrap"},
    "ComboBox": {"CurrentIndex", "CurrentText", "Count"},
    "LineEdit": {"PlaceholderText"},
    "SpinBox": {"Value", "Minimum", "Maximum"},
    "DoubleSpinBox": {"Value", "Minimum", "Maximum", "Decimals"},
    "Button": {"Checkable"},
    "Timer": {"Interval"},
}


class Widget:
    """One widget; any attribute that its kind has not is a mistake."""

    ID: str
    kind: str
    children: list[Widget]
    choices: list[str]
    running: bool
    CurrentIndex: int

    def __init__(self, kind: str, attributes: dict[str, Any], children: list[Widget]) -> None:
        self.__dict__.update(kind=kind, children=children, choices=[], running=False, CurrentIndex=-1, Enabled=True)
        for name, value in attributes.items():
            setattr(self, name, value)

    def __setattr__(self, name: str, value: Any) -> None:
        if name not in COMMON | KINDS[self.kind]:
            raise AttributeError(f"{self.kind} has no {name}")
        if name == "CurrentIndex" and not -1 <= value < len(self.choices):
            raise IndexError(f"{self.kind} {self.ID} has no entry {value}")
        self.__dict__[name] = value

    def AddItem(self, text: str) -> None:
        self.choices.append(text)
        if self.CurrentIndex < 0:
            self.__dict__["CurrentIndex"] = 0

    def Start(self) -> None:
        self.__dict__["running"] = True

    def Stop(self) -> None:
        self.__dict__["running"] = False

    def all(self) -> list[Widget]:
        """This and all below."""
        return [self, *(one for child in self.children for one in child.all())]


class FakeUi:
    """`fusion.UIManager`."""

    def __init__(self) -> None:
        self.timers: list[Widget] = []

    def __getattr__(self, kind: str) -> Any:
        if kind not in KINDS:
            raise AttributeError(kind)

        def make(*given: Any) -> Widget:
            attributes = next((one for one in given if isinstance(one, dict)), {})
            children = next((one for one in given if isinstance(one, list)), [])
            made = Widget(kind, attributes, children)
            if kind == "Timer":
                self.timers.append(made)
            return made

        return make


class Handlers:
    """`window.On`: handlers by the widget's name and the event's."""

    def __init__(self) -> None:
        self.by_name: dict[str, Any] = {}

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return self.by_name.setdefault(name, type("Events", (), {})())


class FakeWindow:
    """A window."""

    def __init__(self, attributes: dict[str, Any], children: list[Widget]) -> None:
        self.attributes, self.children, self.On, self.shown = attributes, children, Handlers(), False

    def GetItems(self) -> dict[str, Widget]:
        found = [one for child in self.children for one in child.all() if "ID" in one.__dict__]
        assert len({one.ID for one in found}) == len(found)
        return {one.ID: one for one in found}

    def Show(self) -> None:
        self.shown = True

    def Hide(self) -> None:
        self.shown = False


class FakeDispatcher:
    """`bmd.UIDispatcher(ui)`; `script` is what the user does while the window is open."""

    def __init__(self) -> None:
        self.On: Any = type("Events", (), {})()
        self.window: Any = None
        self.ended = False
        self.script: Any = lambda window: None

    def AddWindow(self, attributes: dict[str, Any], children: list[Widget]) -> FakeWindow:
        self.window = FakeWindow(attributes, children)
        return self.window  # type: ignore[no-any-return]

    def RunLoop(self) -> None:
        assert self.window.shown
        self.script(self.window)

    def ExitLoop(self) -> None:
        self.ended = True


class FakeFusion:
    """`fusion`, and `bmd`."""

    def __init__(self) -> None:
        self.UIManager = FakeUi()
        self.dispatcher = FakeDispatcher()

    def UIDispatcher(self, ui: FakeUi) -> FakeDispatcher:
        assert ui is self.UIManager
        return self.dispatcher
