"""Keeps MediaPipe's start-up chatter off the terminal, and nothing else."""

from __future__ import annotations

import contextlib
import os
import re
import sys
import tempfile
from collections.abc import Iterator

__all__ = ["is_chatter", "quiet_stderr"]

_CHATTER = re.compile(
    rb"^(WARNING: All log messages before absl|WARNING: Logging before InitGoogle|INFO: Created TensorFlow Lite"
    rb"|[IW]\d{4} \d\d:\d\d:[\d.]+ +\d+ \S+\.cc:\d+\])"
)


def is_chatter(line: bytes) -> bool:
    """True for an information or warning line of MediaPipe's C++ logging; errors are not chatter."""
    return _CHATTER.match(line) is not None


@contextlib.contextmanager
def quiet_stderr() -> Iterator[None]:
    """Hold back what is written to file descriptor 2 and let through all that is not MediaPipe's chatter.

    The C++ library writes there directly, past `sys.stderr`, and knows no switch. Lines of our own or of
    other threads come out, late by the time the block takes.
    """
    sys.stderr.flush()
    try:
        kept = os.dup(2)
    except OSError:  # no stderr at all (closed by a host application): nothing to keep quiet
        yield
        return
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        finally:
            sys.stderr.flush()
            os.dup2(kept, 2)
            os.close(kept)
            held.seek(0)
            for line in held:
                if not is_chatter(line):
                    os.write(2, line)
