"""Knobs of the fake Nuke: values, flags, what a script says of them, and the main thread's rule."""

from __future__ import annotations

from typing import Any

from tests.hosts.nuke.nk import words_of

__all__ = [
    "FLAGS", "KINDS", "TAB_FLAGS", "Boolean_Knob", "Color_Knob", "Double_Knob", "Enumeration_Knob", "File_Knob",
    "Int_Knob", "Knob", "PyScript_Knob", "String_Knob", "Tab_Knob", "Text_Knob", "knob_from_line", "quoted",
]  # fmt: skip

FLAGS = {
    "DISABLED": 0x80,
    "DO_NOT_WRITE": 0x200,
    "INVISIBLE": 0x400,
    "NO_ANIMATION": 0x100,
    "STARTLINE": 0x1000,
    "ENDLINE": 0x2000,
    "NO_UNDO": 0x80000,
    "READ_ONLY": 0x10000000,
}
"""Bits; Nuke's own may differ, and nobody may rely on them."""
TAB_FLAGS = {"TABKNOB": 0, "TABBEGINGROUP": 1, "TABBEGINCLOSEDGROUP": 2, "TABENDGROUP": -1}


def quoted(text: str) -> str:
    """A Tcl word."""
    if text and not any(mark in text for mark in ' \t\n"{}[]$;\\#'):
        return text
    for mark, written in (
        ("\\", "\\\\"),
        ('"', '\\"'),
        ("[", "\\["),
        ("]", "\\]"),
        ("{", "\\{"),
        ("}", "\\}"),
        ("$", "\\$"),
        ("\n", "\\n"),
    ):
        text = text.replace(mark, written)
    return f'"{text}"'


class Knob:
    """What all have. A change tells the node, which tells whoever asked to be told."""

    default: Any = ""
    kind = 0
    starts_line = True

    def __init__(self, name: str, label: str = "", *_more: Any) -> None:
        self._name, self._label, self._tooltip = name, label, ""
        self._flags = FLAGS["STARTLINE"] if self.starts_line else 0
        self._held: Any = self.default
        self._expression = ""
        self._node: Any = None
        self._user = False

    def Class(self) -> str:  # noqa: N802  # Nuke's
        return type(self).__name__

    def name(self) -> str:
        return self._name

    def label(self) -> str:
        return self._label

    def setLabel(self, label: str) -> None:  # noqa: N802
        self._change()
        self._label = label

    def tooltip(self) -> str:
        return self._tooltip

    def setTooltip(self, tooltip: str) -> None:  # noqa: N802
        self._tooltip = tooltip

    def node(self) -> Any:
        return self._node

    def setFlag(self, flag: int) -> None:  # noqa: N802
        self._flags |= flag

    def clearFlag(self, flag: int) -> None:  # noqa: N802
        self._flags &= ~flag

    def getFlag(self, flag: int) -> bool:  # noqa: N802
        return bool(self._flags & flag)

    def setVisible(self, visible: bool) -> None:  # noqa: N802
        (self.clearFlag if visible else self.setFlag)(FLAGS["INVISIBLE"])

    def visible(self) -> bool:
        return not self.getFlag(FLAGS["INVISIBLE"])

    def setEnabled(self, enabled: bool) -> None:  # noqa: N802
        self._change()
        (self.clearFlag if enabled else self.setFlag)(FLAGS["DISABLED"])

    def enabled(self) -> bool:
        return not self.getFlag(FLAGS["DISABLED"])

    def isAnimated(self, _channel: int = -1) -> bool:  # noqa: N802
        return False

    def hasExpression(self, _index: int = -1) -> bool:  # noqa: N802
        return bool(self._expression)

    def setExpression(self, expression: str, index: int = -1, view: str | None = None) -> bool:  # noqa: N802
        self._change()
        self._expression = expression
        return True

    def value(self, *_where: Any) -> Any:
        self._alive()
        if self._expression:
            return self._node._host.evaluate(self._node, self._expression)
        return self._held

    getValue = value  # noqa: N815

    def setValue(self, val: Any, *_where: Any) -> Any:  # noqa: N802
        self._change()
        before, self._held = self._held, self._taken(val)
        if self._node is not None and before != self._held:
            self._node._changed(self)
        return True

    def toScript(self, *_how: Any) -> str:  # noqa: N802
        return f"{{{{{self._expression}}}}}" if self._expression else self._words()

    def fromScript(self, script: str) -> None:  # noqa: N802
        text = script.strip()
        if text.startswith("{{") or (text.startswith("{") and self._is_number()):
            self._expression = text.strip("{}")
        else:
            self._held = self._read(script)

    def _is_number(self) -> bool:
        return isinstance(self.default, (int, float, bool))

    def _alive(self) -> None:
        if self._node is not None:
            self._node._alive()

    def _change(self) -> None:
        if self._node is not None:
            self._node._alive()
            self._node._host.must_be_main_thread(f"knob {self._name}")

    def _taken(self, value: Any) -> Any:
        return value

    def _words(self) -> str:
        return quoted(str(self._held))

    def _read(self, text: str) -> Any:
        return text

    def _saved(self) -> bool:
        return not self.getFlag(FLAGS["DO_NOT_WRITE"]) and (self._held != self.default or bool(self._expression))


class String_Knob(Knob):  # noqa: N801
    kind = 1

    def _taken(self, value: Any) -> Any:
        assert isinstance(value, str), f"{self._name} takes text, not {value!r}"
        return value


class File_Knob(String_Knob):  # noqa: N801
    kind = 2


class PyScript_Knob(String_Knob):  # noqa: N801
    kind = 22
    starts_line = False

    def __init__(self, name: str, label: str = "", command: str = "") -> None:
        super().__init__(name, label)
        self._held = command

    def command(self) -> str:
        return str(self._held)

    def execute(self) -> None:
        """A click: the text runs with `nuke` known, and thisNode is the button's node."""
        with self._node._host.context(self._node, self):
            exec(self._held, {"nuke": self._node._host.module})  # noqa: S102  # as Nuke does

    def _saved(self) -> bool:
        return False  # said in the addUserKnob line


class Text_Knob(Knob):  # noqa: N801
    kind = 26

    def _saved(self) -> bool:
        return False


class Int_Knob(Knob):  # noqa: N801
    kind, default = 3, 0

    def _taken(self, value: Any) -> Any:
        return int(value)

    def _words(self) -> str:
        return str(self._held)

    def _read(self, text: str) -> Any:
        return int(float(text))


class Double_Knob(Knob):  # noqa: N801
    kind, default = 7, 0.0
    _range: tuple[float, float] | None = None

    def setRange(self, low: float, high: float) -> None:  # noqa: N802
        self._range = (low, high)

    def _taken(self, value: Any) -> Any:
        return float(value)

    def _words(self) -> str:
        return f"{self._held:.10g}"

    def _read(self, text: str) -> Any:
        return float(text)


class Boolean_Knob(Knob):  # noqa: N801
    kind, default = 6, False
    starts_line = False

    def _taken(self, value: Any) -> Any:
        return bool(value)

    def _words(self) -> str:
        return "true" if self._held else "false"

    def _read(self, text: str) -> Any:
        return text in {"true", "1"}


class Color_Knob(Knob):  # noqa: N801
    kind, default = 18, (0.0, 0.0, 0.0)

    def _taken(self, value: Any) -> Any:
        if isinstance(value, (int, float)):
            return (float(value),) * 3
        return tuple(float(one) for one in value)

    def value(self, *_where: Any) -> Any:
        return list(self._held)

    getValue = value  # noqa: N815

    def _words(self) -> str:
        return f"{{{' '.join(f'{one:.10g}' for one in self._held)}}}"

    def fromScript(self, script: str) -> None:  # noqa: N802
        numbers = [float(one) for one in script.strip("{} ").split()]
        self._held = tuple(numbers * 3 if len(numbers) == 1 else numbers)


class Enumeration_Knob(Knob):  # noqa: N801
    kind = 4

    def __init__(self, name: str, label: str = "", values: Any = ()) -> None:
        super().__init__(name, label)
        self._values = [str(one) for one in values]
        self._held = self.default = self._values[0] if self._values else ""

    def values(self) -> list[str]:
        return list(self._values)

    def setValues(self, values: Any) -> None:  # noqa: N802
        self._change()
        self._values = [str(one) for one in values]
        if self._held not in self._values:
            self._held = self._values[0] if self._values else ""

    def _taken(self, value: Any) -> Any:
        if isinstance(value, int):
            return self._values[value] if self._values else self.default
        assert not value.startswith("default ("), f"{value!r} is what Nuke shows, and no entry's name"
        assert not self._values or value in self._values, f"{self._name} has no {value!r}"
        return value


class Tab_Knob(Knob):  # noqa: N801
    kind = 20

    def __init__(self, name: str, label: str = "", flag: int = 0) -> None:
        super().__init__(name, label)
        self._nesting = flag

    def _saved(self) -> bool:
        return False


KINDS: dict[int, type[Knob]] = {
    one.kind: one
    for one in (
        String_Knob, File_Knob, Int_Knob, Enumeration_Knob, Boolean_Knob, Double_Knob, Color_Knob, Tab_Knob,
        PyScript_Knob, Text_Knob,
    )
}  # fmt: skip


def knob_from_line(kind: int, name: str, settings: dict[str, str], flags: tuple[str, ...]) -> Knob:
    """What an `addUserKnob` line makes."""
    label = settings.get("l", name)
    if kind == 4:
        knob: Knob = Enumeration_Knob(name, label, words_of(settings.get("M", "")))
    elif kind == 20:
        knob = Tab_Knob(name, label, int(settings.get("n", 0)))
    elif kind == 22:
        knob = PyScript_Knob(name, label, settings.get("T", ""))
    else:
        knob = KINDS[kind](name, label)
    if "R" in settings and isinstance(knob, Double_Knob):
        low, high = settings["R"].split()
        knob.setRange(float(low), float(high))
    if kind == 26:
        knob._held = settings.get("T", "")
    knob.setTooltip(settings.get("t", ""))
    for flag in flags:
        (knob.setFlag if flag[0] == "+" else knob.clearFlag)(FLAGS[flag[1:]])
    return knob
