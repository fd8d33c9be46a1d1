"""Where each key of a TOML text stands: tomllib keeps no lines, so the text is walked a second time.

The text is known to be valid TOML (tomllib has read it); the walk is therefore a small one and, should it
lose its way in an odd corner, gives fewer lines, never an error.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from contextlib import suppress

__all__ = ["key_lines", "line_of"]

_BARE_END = frozenset(" \t\r\n=.,[]{}#")


def key_lines(text: str) -> Mapping[str, int]:
    """Lines of all keys.

    Args:
        text: valid TOML.

    Returns:
        Dotted key, as in `cast[0].identity` or `lighting.light[1].intensity`, to its 1-based line. Tables
        stand at their header.
    """
    walk = _Walk(text)
    with suppress(IndexError, RecursionError):  # an odd corner: what was found so far still helps
        walk.document()
    return walk.lines


def line_of(lines: Mapping[str, int], key: str) -> int | None:
    """The line of a key, or of the nearest table that holds it when the key itself is not in the file."""
    while key:
        if key in lines:
            return lines[key]
        cut = max(key.rfind("."), key.rfind("["))
        key = key[:cut] if cut > 0 else ""
    return None


def _join(prefix: str, parts: list[str]) -> str:
    return ".".join(([prefix] if prefix else []) + parts)


class _Walk:
    """One pass over the text; `at` is the next character."""

    def __init__(self, text: str) -> None:
        self.text = text.replace("\r\n", "\n")
        self.at = 0
        self.breaks = [index for index, char in enumerate(self.text) if char == "\n"]
        self.lines: dict[str, int] = {}
        self.counts: dict[str, int] = {}
        """Array of tables -> how many headers were seen."""

    def peek(self) -> str:
        return self.text[self.at] if self.at < len(self.text) else ""

    def line(self) -> int:
        return bisect_left(self.breaks, self.at) + 1

    def skip(self, *, newlines: bool = True) -> None:
        """Step over blanks and comments."""
        while (char := self.peek()) and (char in " \t\r" or char == "#" or (newlines and char == "\n")):
            if char == "#":
                end = self.text.find("\n", self.at)
                self.at = len(self.text) if end < 0 else end
            else:
                self.at += 1

    def document(self) -> None:
        prefix = ""
        self.skip()
        while self.peek():
            if self.peek() == "[":
                prefix = self.header()
            else:
                self.pair(prefix)
            self.skip()

    def header(self) -> str:
        line = self.line()
        array = self.text.startswith("[[", self.at)
        self.at += 2 if array else 1
        parts = self.key()
        self.at += 2 if array else 1
        prefix = ""
        for index, part in enumerate(parts):
            prefix = _join(prefix, [part])
            if array and index == len(parts) - 1:
                self.counts[prefix] = self.counts.get(prefix, 0) + 1
                self.lines.setdefault(prefix, line)
            if prefix in self.counts:
                prefix = f"{prefix}[{self.counts[prefix] - 1}]"
        self.lines.setdefault(prefix, line)
        return prefix

    def pair(self, prefix: str) -> None:
        line = self.line()
        parts = self.key()
        for count in range(1, len(parts) + 1):
            self.lines.setdefault(_join(prefix, parts[:count]), line)
        self.at += 1  # the equals sign
        self.value(_join(prefix, parts))

    def key(self) -> list[str]:
        parts = []
        while True:
            self.skip(newlines=False)
            start = self.at
            if self.peek() in ("'", '"') and self.peek():
                parts.append(self.string())
            else:
                while self.peek() and self.peek() not in _BARE_END:
                    self.at += 1
                if self.at == start:
                    raise IndexError(start)
                parts.append(self.text[start : self.at])
            self.skip(newlines=False)
            if self.peek() != ".":
                return parts
            self.at += 1

    def value(self, key: str) -> None:
        self.skip(newlines=False)
        char = self.text[self.at]
        if char in "'\"":
            self.string()
        elif char == "[":
            self.array(key)
        elif char == "{":
            self.inline_table(key)
        else:
            while self.peek() and self.peek() not in ",]}\n#":
                self.at += 1

    def array(self, key: str) -> None:
        self.at += 1
        index = 0
        self.skip()
        while self.text[self.at] != "]":
            self.lines.setdefault(f"{key}[{index}]", self.line())
            self.value(f"{key}[{index}]")
            index += 1
            self.skip()
            if self.text[self.at] == ",":
                self.at += 1
                self.skip()
        self.at += 1

    def inline_table(self, key: str) -> None:
        self.at += 1
        self.skip()
        while self.text[self.at] != "}":
            self.pair(key)
            self.skip()
            if self.text[self.at] == ",":
                self.at += 1
                self.skip()
        self.at += 1

    def string(self) -> str:
        """Step over a string of any of the four kinds and give its content (escapes left as they are)."""
        quote = self.text[self.at]
        mark = quote * 3 if self.text.startswith(quote * 3, self.at) else quote
        self.at += len(mark)
        start = self.at
        while not self.text.startswith(mark, self.at):
            self.at += 2 if quote == '"' and self.text[self.at] == "\\" else 1
            if self.at >= len(self.text):
                raise IndexError(start)
        content = self.text[start : self.at]
        self.at += len(mark)
        while len(mark) == 3 and self.peek() == quote:  # a multi-line string may end in up to five quotes
            self.at += 1
        return content
