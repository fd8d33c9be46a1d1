"""Nodes of the fake Nuke: a graph that knows groups, inputs, names and callbacks, and no pixels."""

from __future__ import annotations

from typing import Any, Self

from tests.hosts.nuke.fake_knobs import (
    Boolean_Knob,
    Color_Knob,
    Double_Knob,
    Enumeration_Knob,
    File_Knob,
    Int_Knob,
    Knob,
    PyScript_Knob,
    String_Knob,
    Tab_Knob,
    quoted,
)

__all__ = ["CLASSES", "Group", "Node", "Root"]

EVERY: tuple[tuple[type[Knob], str], ...] = (
    (String_Knob, "name"),
    (Int_Knob, "tile_color"),
    (String_Knob, "label"),
    (Int_Knob, "xpos"),
    (Int_Knob, "ypos"),
    (Boolean_Knob, "selected"),
    (Boolean_Knob, "disable"),
    (Boolean_Knob, "hide_input"),
    (PyScript_Knob, "autolabel"),
    (String_Knob, "note_font"),
)
UI = ("name", "tile_color", "label", "xpos", "ypos", "selected", "disable", "hide_input", "autolabel", "note_font")
ON_ERROR = ("error", "black", "checkerboard", "nearest frame")
CLASSES: dict[str, tuple[int, tuple[tuple[Any, ...], ...]]] = {
    "Read": (
        0,
        (
            (Enumeration_Knob, "file_type", ("", "exr", "png", "dpx", "mov")),
            (File_Knob, "file"),
            (File_Knob, "proxy"),
            (Int_Knob, "first"),
            (Int_Knob, "last"),
            (Int_Knob, "origfirst"),
            (Int_Knob, "origlast"),
            (Boolean_Knob, "origset"),
            (Enumeration_Knob, "on_error", ON_ERROR),
            (Enumeration_Knob, "colorspace"),
            (Boolean_Knob, "raw"),
            (Enumeration_Knob, "before", ("hold", "loop", "bounce", "black")),
            (Enumeration_Knob, "after", ("hold", "loop", "bounce", "black")),
            (PyScript_Knob, "reload"),
            (Enumeration_Knob, "frame_mode", ("expression", "start at", "offset")),
            (String_Knob, "frame"),
        ),
    ),
    "Write": (
        1,
        (
            (Enumeration_Knob, "channels"),
            (File_Knob, "file"),
            (File_Knob, "proxy"),
            (String_Knob, "views"),
            (Boolean_Knob, "raw"),
            (Enumeration_Knob, "file_type", (" ", "exr", "png")),
            (Boolean_Knob, "create_directories"),
            (Boolean_Knob, "use_limit"),
            (Int_Knob, "first"),
            (Int_Knob, "last"),
            (Enumeration_Knob, "colorspace"),
        ),
    ),
    "Switch": (2, ((Double_Knob, "which"),)),
    "Copy": (2, tuple((Enumeration_Knob, f"{side}{n}") for n in range(4) for side in ("from", "to"))),
    "Cryptomatte": (1, ((String_Knob, "matteList"),)),
    "Camera2": (1, ()),
    "DirectLight": (1, ((Knob, "rotate"), (Knob, "color"), (Double_Knob, "intensity"))),
    "Dot": (1, ()),
    "NoOp": (1, ()),
    "Grade": (1, ((Double_Knob, "white"), (Color_Knob, "multiply"))),
    "TimeOffset": (1, ((Int_Knob, "time_offset"),)),
    "Reformat": (1, ((String_Knob, "format"),)),
    "Input": (0, ((Int_Knob, "number"),)),
    "Output": (1, ()),
    "StickyNote": (0, ()),
    "Viewer": (1, ()),
    "Group": (1, ()),
}
"""Class -> inputs it has, knobs of its own."""
EXR_KNOBS: tuple[tuple[Any, ...], ...] = (
    (Enumeration_Knob, "datatype", ("16 bit half", "32 bit float")),
    (
        Enumeration_Knob, "compression",
        ("Zip (1 scanline)", "Zip (16 scanlines)", "PIZ Wavelet (32 scanlines)", "RLE", "none", "DWAA"),
    ),
    (
        Enumeration_Knob, "metadata",
        ("default metadata", "no metadata", "all metadata except input/*", "all metadata"),
    ),
    (Boolean_Knob, "autocrop"),
)  # fmt: skip


class Node:
    """One node. Nothing works with one that was deleted, as in Nuke."""

    def __init__(self, host: Any, kind: str, parent: Any) -> None:
        self._host, self._kind, self._parent = host, kind, parent
        self._knobs: dict[str, Knob] = {}
        self._gone = False
        count, own = CLASSES.get(kind, (1, ()))
        self._inputs: list[Node | None] = [None] * count
        for knob, name in EVERY:
            self._adopt(knob(name))
        for knob, name, *more in own:
            self._adopt(knob(name, "", *more))
        if "colorspace" in self._knobs:
            self._knobs["colorspace"]._held = self._knobs["colorspace"].default = "default (linear)"

    def _adopt(self, knob: Knob, *, user: bool = False) -> None:
        assert knob.name() not in self._knobs, f"{self._name()} has a knob {knob.name()} already"
        knob._node, knob._user = self, user
        self._knobs[knob.name()] = knob

    def _name(self) -> str:
        return str(self._knobs["name"]._held) if "name" in self._knobs else ""

    def _alive(self) -> None:
        if self._gone:
            raise ValueError("A PythonObject is not attached to a node")

    def _changed(self, knob: Knob) -> None:
        if self._kind == "Write" and knob.name() == "file_type":
            for kind, name, *more in EXR_KNOBS:
                if knob._held == "exr" and name not in self._knobs:
                    self._adopt(kind(name, "", *more))
                elif knob._held != "exr":
                    self._knobs.pop(name, None)
        self._host.knob_changed(self, knob)

    def Class(self) -> str:  # noqa: N802  # Nuke's
        self._alive()
        return self._kind

    def name(self) -> str:
        self._alive()
        return self._name()

    def fullName(self) -> str:  # noqa: N802
        self._alive()
        above = self._parent
        return self._name() if above is None or isinstance(above, Root) else f"{above.fullName()}.{self._name()}"

    def setName(self, name: str, uncollide: bool = True, updateExpressions: bool = True) -> None:  # noqa: N802
        self._host.must_be_main_thread("setName")
        del self._parent._nodes[self._name()]
        self._knobs["name"]._held = self._parent._free(name)
        self._parent._nodes[self._name()] = self

    def knob(self, p: str | int, follow_link: bool = False) -> Knob | None:
        self._alive()
        return self._knobs.get(str(p))

    def knobs(self) -> dict[str, Knob]:
        self._alive()
        return dict(self._knobs)

    def allKnobs(self) -> list[Knob]:  # noqa: N802
        self._alive()
        return list(self._knobs.values())

    def __getitem__(self, name: str) -> Knob:
        self._alive()
        if name not in self._knobs:
            raise NameError(f"knob {self._name()}.{name} does not exist")
        return self._knobs[name]

    def addKnob(self, knob: Knob) -> None:  # noqa: N802
        self._alive()
        self._host.must_be_main_thread("addKnob")
        self._adopt(knob, user=True)

    def removeKnob(self, knob: Knob) -> None:  # noqa: N802
        self._host.must_be_main_thread("removeKnob")
        assert knob._user, f"{knob.name()} is not a user knob"
        del self._knobs[knob.name()]

    def input(self, index: int) -> Node | None:
        self._alive()
        return self._inputs[index] if index < len(self._inputs) else None

    def inputs(self) -> int:
        return len([one for one in self._inputs if one is not None])

    def maxInputs(self) -> int:  # noqa: N802
        return len(self._inputs)

    def setInput(self, i: int, node: Node | None) -> bool:  # noqa: N802
        self._alive()
        self._host.must_be_main_thread("setInput")
        self._inputs.extend([None] * (i + 1 - len(self._inputs)))
        self._inputs[i] = node
        return True

    def parent(self) -> Any:
        return self._parent

    def xpos(self) -> int:
        return int(self._knobs["xpos"]._held)

    def ypos(self) -> int:
        return int(self._knobs["ypos"]._held)

    def setXYpos(self, x: int, y: int) -> None:  # noqa: N802
        self._host.must_be_main_thread("setXYpos")
        self._knobs["xpos"]._held, self._knobs["ypos"]._held = x, y

    def channels(self) -> list[str]:
        self._alive()
        return list(self._host.channels_of(self))

    def firstFrame(self) -> int:  # noqa: N802
        return int(self._host.range_of(self)[0])

    def lastFrame(self) -> int:  # noqa: N802
        return int(self._host.range_of(self)[1])

    def isSelected(self) -> bool:  # noqa: N802
        return bool(self._knobs["selected"]._held)

    def setSelected(self, selected: bool) -> None:  # noqa: N802
        self._knobs["selected"]._held = selected

    def showControlPanel(self, forceFloat: bool = False) -> None:  # noqa: N802
        assert self._host.gui, "there is no panel in a terminal session"

    def writeKnobs(self, flags: int = 0) -> str:  # noqa: N802
        kept = [one for one in self._knobs.values() if one._saved() and one.name() not in UI]
        return " ".join(f"{one.name()} {one.toScript()}" for one in kept)


class Group(Node):
    """A node with nodes in it."""

    def __init__(self, host: Any, kind: str, parent: Any) -> None:
        super().__init__(host, kind, parent)
        self._nodes: dict[str, Node] = {}

    def _free(self, name: str) -> str:
        if name not in self._nodes:
            return name
        stem = name.rstrip("0123456789")
        return next(free for n in range(1, 1000) if (free := f"{stem}{n}") not in self._nodes)

    def begin(self) -> Self:
        self._alive()
        self._host.groups.append(self)
        return self

    def end(self) -> None:
        assert self._host.groups.pop() is self

    def __enter__(self) -> Self:
        return self.begin()

    def __exit__(self, *error: object) -> None:
        self.end()

    def node(self, s: str) -> Node | None:
        return self._nodes.get(s)

    def nodes(self) -> list[Node]:
        return list(self._nodes.values())


class Root(Group):
    """The script."""

    def __init__(self, host: Any) -> None:
        super().__init__(host, "Root", None)
        for knob, name, *more in (
            (Enumeration_Knob, "colorManagement", ("Nuke", "OCIO")),
            (
                Enumeration_Knob,
                "OCIO_config",
                ("nuke-default", "fn-nuke_cg-config-v1.0.0_aces-v1.3_ocio-v2.1", "custom"),
            ),
            (File_Knob, "customOCIOConfigPath"),
            (Enumeration_Knob, "workingSpaceLUT"),
            (Int_Knob, "first_frame"),
            (Int_Knob, "last_frame"),
            (Boolean_Knob, "proxy"),
            (Double_Knob, "fps"),
            (String_Knob, "views"),
        ):
            self._adopt(knob(name, "", *more))
        self._knobs["name"]._held = ""
        self._knobs["workingSpaceLUT"]._held = "linear"

    def fullName(self) -> str:  # noqa: N802
        return "root"

    def proxy(self) -> bool:
        return bool(self._knobs["proxy"]._held)

    def setProxy(self, on: bool) -> None:  # noqa: N802
        self._knobs["proxy"].setValue(on)


def line_of(knob: Knob) -> str:
    """Its `addUserKnob` line."""
    words = [str(knob.kind), quoted(knob.name())]
    if knob.label() != knob.name():
        words += ["l", quoted(knob.label()) or '""']
    if knob.tooltip():
        words += ["t", quoted(knob.tooltip())]
    if isinstance(knob, Enumeration_Knob):
        words += ["M", "{" + " ".join(quoted(one) for one in knob.values()) + "}"]
    if isinstance(knob, Double_Knob) and knob._range is not None:
        words += ["R", f"{knob._range[0]:g}", f"{knob._range[1]:g}"]
    if isinstance(knob, PyScript_Knob):
        words += ["T", quoted(str(knob._held))]
    if isinstance(knob, Tab_Knob) and knob._nesting:
        words += ["n", str(knob._nesting)]
    return " ".join(words)
