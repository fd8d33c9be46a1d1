"""Around every command: errors to exit codes and clean messages, Ctrl-C and SIGTERM to a clean stop.

Exit codes: 0 done; 1 some frames failed or a result could not be written; 2 bad usage or input; 3 refused;
4 cannot run; 130 stopped by Ctrl-C or SIGTERM.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Annotated, Literal, TypeAlias

import typer

from vfx_swap.cli.console import Console
from vfx_swap.errors import VfxSwapError
from vfx_swap.pipeline.error_fields import error_fields

__all__ = [
    "STOPPED_EXIT",
    "DebugOption",
    "DeviceOption",
    "JsonOption",
    "MissingFrames",
    "report_error",
    "running",
    "stop_requests",
]

JsonOption = Annotated[bool, typer.Option("--json", help="One JSON object a line on stdout; text on stderr.")]
DebugOption = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")]
DeviceOption = Annotated[
    str, typer.Option("--device", metavar="D", help="Where frames are swapped: cpu, cuda, cuda:N or auto.")
]

MissingFrames: TypeAlias = Literal["error", "hold", "black"]

STOPPED_EXIT = 130
"""128 + SIGINT, as shells count it."""
UNEXPECTED_EXIT = 4
BROKEN_PIPE_EXIT = 141
"""128 + SIGPIPE: whoever read our output has gone."""


@contextlib.contextmanager
def running(*, json: bool, debug: bool, resume: str = "") -> Iterator[Console]:
    """Run a command's body: whatever it raises becomes a message and an exit code.

    Args:
        json: whether programs read stdout.
        debug: whether an unexpected error shows its traceback.
        resume: how to go on after a stop, as a sentence; empty where there is nothing to resume.

    Raises:
        typer.Exit: with the exit code, when the body did not end well.
    """
    console = Console(json=json, out=sys.stdout, err=sys.stderr, debug=debug)
    with _terminate_as_interrupt():
        try:
            yield console
        except typer.Exit:
            raise
        except VfxSwapError as error:
            raise typer.Exit(report_error(console, error)) from error
        except KeyboardInterrupt as error:
            console.event("error", kind="CancelledError", what="stopped", mend=resume or None, exit_code=STOPPED_EXIT)
            console.note("stopped" + (f". {resume}" if resume else ""))
            raise typer.Exit(STOPPED_EXIT) from error
        except BrokenPipeError as error:
            # The interpreter flushes stdout once more at exit: give it a place where that works.
            with contextlib.suppress(OSError, ValueError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(BROKEN_PIPE_EXIT) from error
        except Exception as error:  # the last line of defence: nothing may reach the user raw
            raise typer.Exit(_report_unexpected(console, error)) from error


def report_error(console: Console, error: VfxSwapError) -> int:
    """Tell about an error of the tree: what happened, where, and how to mend it.

    Returns:
        Its exit code.
    """
    console.event("error", **error_fields(error))
    if console.debug:
        console.note("".join(traceback.format_exception(error)).rstrip())
    if "\n" in error.what and error.mend is not None:  # a list: what to do about it stands below
        at = "" if error.where is None else f"{error.where}: "
        console.note(f"error: {at}{error.what}\n{error.mend}")
    else:
        console.note(f"error: {error}")
    return error.exit_code


def _report_unexpected(console: Console, error: Exception) -> int:
    what = f"{type(error).__name__}: {error}"
    console.event("error", kind="Unexpected", what=what, where=None, mend=None, exit_code=UNEXPECTED_EXIT)
    if console.debug:
        console.note("".join(traceback.format_exception(error)).rstrip())
    console.note(f"error: sorry, this should not happen: {what}")
    if not console.debug:
        console.note("Run the command again with --debug to see where, and please report it.")
    return UNEXPECTED_EXIT


@contextlib.contextmanager
def stop_requests(console: Console) -> Iterator[Callable[[], bool]]:
    """Turn the first Ctrl-C or SIGTERM into a wish to stop that long work asks for; a second one interrupts.

    Yields:
        A callable that says whether a stop was asked for.
    """
    wish = threading.Event()

    def handle(number: int, frame: FrameType | None) -> None:  # noqa: ARG001  the shape signal asks for
        if wish.is_set():
            raise KeyboardInterrupt
        wish.set()
        # os.write: the handler may run while the same stream is being written to.
        if not console.json:
            with contextlib.suppress(OSError):
                os.write(2, b"\nstopping after the frame in hand; once more to drop it\n")

    with _handlers({signal.SIGINT: handle, signal.SIGTERM: handle}):
        yield wish.is_set


@contextlib.contextmanager
def _terminate_as_interrupt() -> Iterator[None]:
    def handle(number: int, frame: FrameType | None) -> None:  # noqa: ARG001  the shape signal asks for
        raise KeyboardInterrupt

    with _handlers({signal.SIGTERM: handle}):
        yield


@contextlib.contextmanager
def _handlers(handlers: dict[signal.Signals, Callable[[int, FrameType | None], None]]) -> Iterator[None]:
    """Set signal handlers for the block; only the main thread can, others keep what is."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
