"""Keys that are part of the shot file but that this version cannot honour yet: refused by name, never ignored.

Take an entry out of the table when its feature works; nothing else has to change.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

__all__ = ["LATER", "refused_later"]

LATER: Mapping[str, str] = {}
"""`table.key` (refused when it holds anything but its neutral value) or `table.key=word` (refused when the
list holds that word) -> the sentence shown."""

_NEUTRAL: tuple[object, ...] = (None, 0, 0.0, [], ())


def refused_later(raw: Mapping[str, object]) -> Iterator[tuple[str, str, str]]:
    """What a file asks for that is still to come.

    Args:
        raw: the file as tomllib read it.

    Yields:
        Key, what, mend.
    """
    for entry, sentence in LATER.items():
        path, _, word = entry.partition("=")
        table_name, _, name = path.partition(".")
        table = raw.get(table_name)
        value = table.get(name) if isinstance(table, Mapping) else None
        if word:
            if isinstance(value, (list, tuple)) and word in value:
                yield f"{path}[{list(value).index(word)}]", sentence, f"Take {word!r} out of the list"
        elif not any(value == neutral and not isinstance(value, bool) for neutral in _NEUTRAL):
            yield path, sentence, "Take the key out"
