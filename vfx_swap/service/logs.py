"""The server's log: one JSON object a line, or text on a terminal; each line with the id of its call and who asked.

No token is ever written: whatever looks like one is struck out at the last step, wherever it came from.
"""

from __future__ import annotations

import contextlib
import json
import logging
import re
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Literal, TextIO

from vfx_swap.service.access_file import TOKEN_PATTERN
from vfx_swap.service.calls import current_call
from vfx_swap.service.settings import Log

__all__ = ["JsonLines", "TextLines", "logging_to", "struck_out"]

_BEARER = re.compile(r"(?i)\b(bearer\s+)[^\s\"',;]+")
_KEY = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(-----END [A-Z ]*PRIVATE KEY-----|$)", re.DOTALL)


def struck_out(text: str) -> str:
    """The text without tokens and private keys."""
    return _KEY.sub("[private key]", _BEARER.sub(r"\1[token]", TOKEN_PATTERN.sub("[token]", text)))


def _fields(record: logging.LogRecord) -> dict[str, object]:
    """What a line says beside its sentence: of the call first, then its own (`extra={"fields": {...}}`)."""
    found: dict[str, object] = {}
    call = current_call()
    if call is not None:
        found["request_id"] = call.id
        if call.who is not None:
            found["who"] = call.who.name
        if "traceparent" in call.trace:
            found["traceparent"] = call.trace["traceparent"]
    own = getattr(record, "fields", None)
    return found | own if isinstance(own, dict) else found


class JsonLines(logging.Formatter):
    """One object a line: time, level, logger, message, then the fields; `error` holds a traceback. ASCII only."""

    def format(self, record: logging.LogRecord) -> str:
        """The line of a record."""
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": struck_out(record.getMessage()),
        }
        line |= {key: struck_out(value) if isinstance(value, str) else value for key, value in _fields(record).items()}
        if record.exc_info:
            line["error"] = struck_out(self.formatException(record.exc_info))
        return struck_out(json.dumps(line, ensure_ascii=True, default=str))


class TextLines(logging.Formatter):
    """For people: time, level, message, fields."""

    def format(self, record: logging.LogRecord) -> str:
        """The line of a record; a traceback makes it several."""
        time = datetime.fromtimestamp(record.created).astimezone().strftime("%H:%M:%S")
        fields = "".join(f" {key}={value}" for key, value in _fields(record).items())
        text = f"{time} {record.levelname.lower():7} {record.getMessage()}{fields}"
        text = "".join(one if one.isprintable() else repr(one)[1:-1] for one in text)
        if record.exc_info:
            text += "\n" + self.formatException(record.exc_info)
        return struck_out(text)


@contextlib.contextmanager
def logging_to(stream: TextIO | None = None, *, settings: Log) -> Iterator[logging.Handler]:
    """Write the log of all of vfx_swap to a stream while the block runs.

    Args:
        stream: where; None: stderr.
        settings: form and least level.
    """
    out = sys.stderr if stream is None else stream
    handler = logging.StreamHandler(out)
    form: Literal["json", "text"] = "text" if settings.format == "text" else "json"
    if settings.format == "auto" and out.isatty():
        form = "text"
    handler.setFormatter(TextLines() if form == "text" else JsonLines())
    logger = logging.getLogger("vfx_swap")
    before = logger.level, logger.propagate
    logger.addHandler(handler)
    logger.setLevel(settings.level.upper())
    logger.propagate = False
    try:
        yield handler
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before[0])
        logger.propagate = before[1]
