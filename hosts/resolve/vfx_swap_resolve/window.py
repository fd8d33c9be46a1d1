"""The small window: who goes in, how, where to; a bar of words for how it stands. Built on Resolve's UIManager.

Knobs are made of what the server says its engines can be told; nothing about an engine is written here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from vfx_swap_resolve.clips import FLAGS
from vfx_swap_resolve.run import sentence
from vfx_swap_resolve.settings import Settings
from vfx_swap_resolve.work import Work, begin, chosen, open_app, take_up

__all__ = ["Window"]

INTERVAL_MS = 500
_FROM_FILE = "the file below"
_PLATES = (("files", "The clip's own files"), ("render", "Rendered by Resolve"))
_PLACES = (("take", "A take of the clip"), ("track", "A track above"), ("loader", "A Loader in Fusion"))
_WHICH = (("playhead", "The clip under the playhead"), ("flagged", "Every clip with the flag"))
_DROPPED = (
    "cast[].performer",
    "cast[].identity",
    "cast[].position",
    "cast[].track",
    "name",
    "plate",
    "output",
    "frames",
)
"""Keys that the window itself asks for."""


class Window:
    """Vfx Swap's window.

    Args:
        resolve: the application.
        ui: its UIManager.
        dispatcher: of the UIManager.
        settings: what was chosen last.
        link: the way to the agent.
        keep: called with the settings when something was begun.
    """

    def __init__(
        self, resolve: Any, ui: Any, dispatcher: Any, settings: Settings, link: Any, *, keep: Callable[[Settings], Any]
    ) -> None:
        self._resolve, self._dispatcher, self._link, self._keep = resolve, dispatcher, link, keep
        self._settings = settings
        self._works: list[Work] = []
        self._trouble = ""
        self._identities = self._asked(link.identities)
        self._knobs = [one for one in self._asked(link.knobs) if one.key not in _DROPPED and one.kind in _WIDGETS]
        self._window = dispatcher.AddWindow(
            {"ID": "VfxSwap", "WindowTitle": "Vfx Swap", "Geometry": [200, 200, 460, 560]}, [ui.VGroup(self._rows(ui))]
        )
        self._items = self._window.GetItems()
        self._timer = ui.Timer({"ID": "Look", "Interval": INTERVAL_MS})
        self._fill()
        self._window.On.Render.Clicked = self.on_render
        self._window.On.Cancel.Clicked = self.on_cancel
        self._window.On.VfxSwap.Close = self.on_close
        dispatcher.On.Timeout = self.on_timer
        self._say(self._trouble or "Ready")

    def run(self) -> None:
        """Show the window until it is closed."""
        self._window.Show()
        self._dispatcher.RunLoop()
        self._window.Hide()
        self._link.close()

    def _asked(self, ask: Callable[[], Sequence[Any]]) -> list[Any]:
        """What the agent says; nothing where it cannot be reached, and why stands in the window."""
        try:
            return list(ask())
        except Exception as error:  # noqa: BLE001  # the window opens all the same
            self._trouble = sentence(error)
            return []

    def _rows(self, ui: Any) -> list[Any]:
        def row(label: str, widget: Any) -> Any:
            return ui.HGroup({"Weight": 0}, [ui.Label({"Text": label, "Weight": 0.4}), widget])

        rows = [
            row("Identity", ui.ComboBox({"ID": "Identity"})),
            row("or its file", ui.LineEdit({"ID": "IdentityFile"})),
            row("Performer's photograph", ui.LineEdit({"ID": "Performer", "Text": self._settings.performer})),
            row("Clips", ui.ComboBox({"ID": "Which"})),
            row("Flag", ui.ComboBox({"ID": "Flag"})),
            row("Plate", ui.ComboBox({"ID": "Plate"})),
            row("Handles", ui.SpinBox({"ID": "Handles", "Minimum": 0, "Maximum": 1000})),
            row("Result", ui.ComboBox({"ID": "Place"})),
            row("Folder", ui.LineEdit({"ID": "Folder", "Text": self._settings.folder})),
        ]
        for index, knob in enumerate(self._knobs):
            value = self._settings.knobs.get(knob.key, knob.default)
            kind, attributes = _WIDGETS[knob.kind](knob, value)
            rows.append(
                row(
                    knob.label,
                    getattr(ui, kind)({"ID": _knob_id(index), "ToolTip": f"{knob.help} ({knob.key})", **attributes}),
                )
            )
        buttons = [ui.Button({"ID": "Render", "Text": "Swap"}), ui.Button({"ID": "Cancel", "Text": "Cancel"})]
        return [*rows, ui.Label({"ID": "Status", "WordWrap": True, "Weight": 1}), ui.HGroup({"Weight": 0}, buttons)]

    def _fill(self) -> None:
        """What combo boxes offer, and what of it is chosen."""
        items, chosen_now = self._items, self._settings
        known = ["", *(one.path or one.name for one in self._identities)]
        for text in (_FROM_FILE, *(f"{one.name} ({one.consent})" for one in self._identities)):
            items["Identity"].AddItem(text)
        items["Identity"].CurrentIndex = known.index(chosen_now.identity) if chosen_now.identity in known else 0
        items["IdentityFile"].Text = "" if chosen_now.identity in known else chosen_now.identity
        for name, table, value in (
            ("Which", _WHICH, chosen_now.which),
            ("Plate", _PLATES, chosen_now.plate),
            ("Place", _PLACES, chosen_now.place),
            ("Flag", tuple((flag, flag) for flag in FLAGS), chosen_now.flag),
        ):
            for _, text in table:
                items[name].AddItem(text)
            words = [word for word, _ in table]
            items[name].CurrentIndex = words.index(value) if value in words else 0
        items["Handles"].Value = chosen_now.handles
        for index, knob in enumerate(self._knobs):
            if knob.kind == "choice":
                for choice in knob.choices:
                    items[_knob_id(index)].AddItem(str(choice))
                value = self._settings.knobs.get(knob.key, knob.default)
                if value in knob.choices:
                    items[_knob_id(index)].CurrentIndex = list(knob.choices).index(value)
        items["Cancel"].Enabled = False

    def read(self) -> Settings:
        """What is chosen now."""
        items = self._items
        knobs = {}
        for index, knob in enumerate(self._knobs):
            value = _value_of(items[_knob_id(index)], knob)
            default = list(knob.default or ()) if knob.kind in ("choices", "colour") else knob.default
            if value is not None and value != default:
                knobs[knob.key] = value
        return replace(
            self._settings,
            identity=self._identity(),
            performer=str(items["Performer"].Text).strip(),
            which=_WHICH[items["Which"].CurrentIndex][0],
            flag=FLAGS[items["Flag"].CurrentIndex],
            plate=_PLATES[items["Plate"].CurrentIndex][0],
            place=_PLACES[items["Place"].CurrentIndex][0],
            handles=int(items["Handles"].Value),
            folder=str(items["Folder"].Text).strip(),
            knobs=knobs,
        )

    def _identity(self) -> str:
        """The pack that is chosen from the list, or whose file is named below it."""
        index = self._items["Identity"].CurrentIndex
        if index > 0:
            one = self._identities[index - 1]
            return str(one.path or one.name)
        return str(self._items["IdentityFile"].Text).strip()

    def on_render(self, _event: Any = None) -> None:
        """Begin, or take up what was under way when Resolve closed."""
        if self._works:
            return
        try:
            self._settings = self.read()
            self._keep(self._settings)
            app = open_app(self._resolve)
            for clip in chosen(app, self._settings):
                known = take_up(app, clip, self._link)
                self._works.append(known or begin(app, clip, self._settings, self._link))
        except Exception as error:  # noqa: BLE001  # told where the artist looks
            self._say(sentence(error))
        if self._works:
            self._busy(on=True)
            self._timer.Start()

    def on_timer(self, _event: Any = None) -> None:
        """Look at what is under way; whatever ended is brought into the timeline."""
        lines = []
        for work in list(self._works):
            try:
                text = work.look()
                if work.finished:
                    self._works.remove(work)
                    placed = work.finish()
                    text = "\n".join([f"{work.clip.name}: {placed.where}", *placed.warnings])
            except Exception as error:  # noqa: BLE001  # told, and the others go on
                if work in self._works:
                    self._works.remove(work)
                text = f"{work.clip.name}: {sentence(error)}"
            lines.append(text)
        if lines:
            self._say("\n".join(lines))
        if not self._works:
            self._timer.Stop()
            self._busy(on=False)

    def on_cancel(self, _event: Any = None) -> None:
        """End what is under way after the frame in hand."""
        for work in self._works:
            work.cancel()

    def on_close(self, _event: Any = None) -> None:
        """Close: a server's jobs go on, and are taken up by the same clip next time."""
        self._timer.Stop()
        self._dispatcher.ExitLoop()

    def _busy(self, *, on: bool) -> None:
        self._items["Render"].Enabled = not on
        self._items["Cancel"].Enabled = on

    def _say(self, text: str) -> None:
        self._items["Status"].Text = text


def _knob_id(index: int) -> str:
    return f"Knob{index}"


def _number(knob: Any, value: Any) -> tuple[str, dict[str, Any]]:
    low = -1e6 if knob.minimum is None else knob.minimum
    high = 1e6 if knob.maximum is None else knob.maximum
    shown = {"Minimum": low, "Maximum": high, "Value": value or 0}
    return ("SpinBox", shown) if knob.kind == "integer" else ("DoubleSpinBox", {**shown, "Decimals": 3})


def _choice(_knob: Any, _value: Any) -> tuple[str, dict[str, Any]]:
    return "ComboBox", {}


def _words(_knob: Any, value: Any) -> tuple[str, dict[str, Any]]:
    return "LineEdit", {"Text": "" if value is None else str(value)}


def _several(knob: Any, value: Any) -> tuple[str, dict[str, Any]]:
    return "LineEdit", {"Text": ", ".join(map(str, value or ())), "PlaceholderText": f"of {', '.join(knob.choices)}"}


def _colour(_knob: Any, value: Any) -> tuple[str, dict[str, Any]]:
    return "LineEdit", {"Text": " ".join(map(str, value or ())), "PlaceholderText": "red green blue, linear"}


_WIDGETS = {
    "number": _number,
    "integer": _number,
    "choice": _choice,
    "choices": _several,
    "colour": _colour,
    "text": _words,
    "path": _words,
}
"""Kind of a knob -> its widget."""


def _list_of(text: str, knob: Any) -> list[Any]:
    """What a line says: words of the knob's choices, or three numbers of a colour.

    Raises:
        ValueError: a word that is no choice, or no colour; the text says which.
    """
    words = text.replace(",", " ").split()
    if knob.kind == "choices":
        for word in words:
            if word not in knob.choices:
                raise ValueError(f"{knob.label}: {word!r} is none of {', '.join(knob.choices)}")
        return words
    try:
        numbers = [float(word) for word in words]
    except ValueError:
        numbers = []
    if len(numbers) != 3:
        raise ValueError(f"{knob.label}: {text!r} is no colour; write three numbers, such as 1.0 0.9 0.8")
    return numbers


def _value_of(widget: Any, knob: Any) -> Any:
    if knob.kind in ("choices", "colour"):
        text = str(widget.Text).strip()
        return _list_of(text, knob) if text or knob.kind == "choices" else None
    if knob.kind == "choice":
        return list(knob.choices)[widget.CurrentIndex] if knob.choices else None
    if knob.kind in ("text", "path"):
        return str(widget.Text).strip() or None
    return int(widget.Value) if knob.kind == "integer" else float(widget.Value)
