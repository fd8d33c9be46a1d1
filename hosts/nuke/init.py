"""Found by Nuke on NUKE_PATH, with and without a window. Nuke knows it by this name: keep it.

Whatever goes wrong here is told on stderr and goes no further: a script must open without the adapter.
"""

from __future__ import annotations

import sys


def _here() -> str:
    import os

    return os.path.dirname(os.path.abspath(sys._getframe(0).f_code.co_filename))  # noqa: SLF001


def _add_paths() -> None:
    import os

    import nuke

    here = _here()
    for folder in ("python", "icons", "toolsets"):
        nuke.pluginAddPath(os.path.join(here, folder).replace("\\", "/"))
    # Beside this folder in the project and in the wheel; inside `python` where somebody copied both there.
    bridge = os.path.join(os.path.dirname(here), "bridge")
    if os.path.isdir(os.path.join(bridge, "vfx_swap_bridge")):
        nuke.pluginAddPath(bridge.replace("\\", "/"))


try:
    _add_paths()
    from vfx_swap_nuke import callbacks

    callbacks.register()
except BaseException as error:  # noqa: BLE001  # Nuke must start
    sys.stderr.write(f"vfx-swap: the Nuke adapter is off: {type(error).__name__}: {error}\n")
