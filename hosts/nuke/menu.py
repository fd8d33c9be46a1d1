"""Found by Nuke beside init.py, where there is a window. Nuke knows it by this name: keep it."""

from __future__ import annotations

import sys

try:
    from vfx_swap_nuke import menus

    menus.add()
except BaseException as error:  # noqa: BLE001  # Nuke must start
    sys.stderr.write(f"vfx-swap: no menu: {type(error).__name__}: {error}\n")
