"""Tells systemd how the server is, where it was started as `Type=notify` (sd_notify(3)); nothing anywhere else."""

from __future__ import annotations

import contextlib
import os
import socket

__all__ = ["notify"]


def notify(state: str) -> bool:
    """Send a state, such as `READY=1` or `STOPPING=1`.

    Returns:
        Whether somebody listens.
    """
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")):
        return False
    with contextlib.closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)) as sender:
        try:
            sender.connect("\0" + address[1:] if address.startswith("@") else address)
            sender.sendall(state.encode("utf-8"))
        except OSError:  # a manager that went away; the server serves on
            return False
    return True
