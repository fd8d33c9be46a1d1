"""A MediaPipe vision task on a thread without network: opened quietly, called in turn, closed once."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vfx_swap.errors import ModelMismatchError
from vfx_swap.models.runtimes.offline_thread import OfflineThread
from vfx_swap.models.runtimes.quiet import quiet_stderr

__all__ = ["MediaPipeTask", "open_mediapipe_task"]


class MediaPipeTask:
    """A task that is ready. Calls from several threads take turns; one that nobody closed closes itself."""

    def __init__(self, *, task: Any, thread: OfflineThread) -> None:  # Any: mediapipe ships no usable types
        self._task = task
        self._thread = thread
        # MediaPipe complains at exit about one that nobody closed.
        self._close = weakref.finalize(self, _close, task, thread)

    def detect(self, picture: NDArray[np.uint8]) -> Any:
        """The task's result for a picture (height, width, 3), sRGB-encoded, 0 to 255."""
        return self._thread.call(_detect, self._task, picture)

    def close(self) -> None:
        """Free the network. A second call does nothing."""
        self._close()


def open_mediapipe_task(path: Path, *, name: str, create: Callable[[bytes], Any]) -> MediaPipeTask:
    """A task of a model file, warmed up.

    Args:
        path: the file. Its bytes are handed on, since MediaPipe resolves relative paths against its own package.
        name: of the thread.
        create: makes the task of the file's bytes; called on that thread, where MediaPipe may be imported.

    Raises:
        ModelMismatchError: MediaPipe cannot read the file.
        DeviceError: this system cannot keep MediaPipe off the network.
    """
    thread = OfflineThread(name=name)
    try:
        task = thread.call(_warmed_up, create, path.read_bytes())
    except (RuntimeError, ValueError, NotImplementedError) as error:
        thread.stop()
        raise ModelMismatchError(f"MediaPipe cannot read it ({error})", where=path) from error
    except BaseException:
        thread.stop()
        raise
    return MediaPipeTask(task=task, thread=thread)


def _warmed_up(create: Callable[[bytes], Any], bundle: bytes) -> Any:
    """The task after a first picture, which makes it chatter once more."""
    with quiet_stderr():
        task = create(bundle)
        _detect(task, np.zeros((64, 64, 3), dtype=np.uint8))
    return task


def _detect(task: Any, picture: NDArray[np.uint8]) -> Any:
    import mediapipe

    return task.detect(mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=picture))


def _close(task: Any, thread: OfflineThread) -> None:
    try:
        with quiet_stderr():
            thread.call(task.close)
    except RuntimeError:
        # At exit MediaPipe's own worker is already gone. The process frees what it held; its finalizer must not
        # try again on half an interpreter.
        task._handle = None  # noqa: SLF001  it has no public way
    finally:
        thread.stop()
