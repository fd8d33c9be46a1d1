"""Builds the Blender extension: `python -m scripts.blender_extension OUT.zip`.

hosts/blender with the bridge beside it, checked and packed by Blender's own tool, which any Blender has as
`blender --command extension build`, and its Python module as a plain script (scripts/setup --doubles or --blender).
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

__all__ = ["build_extension", "extension_tool"]

ROOT = Path(__file__).resolve().parent.parent
VENVS = (ROOT / ".venv-doubles", ROOT / ".venv-blender", ROOT / ".venv-blender-lts")
TOOL = "lib/python3*/site-packages/bpy/*/scripts/addons_core/bl_pkg/cli/blender_ext.py"
LEFT_OUT = shutil.ignore_patterns("__pycache__", "*.pyc", "README.md")


class ExtensionError(RuntimeError):
    """The extension could not be built; the message says why."""


def extension_tool(*venvs: Path) -> tuple[Path, Path]:
    """Blender's tool, and a Python that runs it.

    Args:
        venvs: where to look, in this order.

    Raises:
        ExtensionError: none of them has Blender.
    """
    for venv in venvs:
        found = sorted(venv.glob(TOOL))
        if found:
            return found[0], venv / "bin/python"
    raise ExtensionError(f"no Blender in {', '.join(map(str, venvs))}; make one with: scripts/setup --doubles")


def build_extension(out: Path, *, venvs: tuple[Path, ...] = VENVS, root: Path = ROOT) -> Path:
    """Validate and build.

    Args:
        out: the zip to write.
        venvs: with Blender.
        root: of the project.

    Raises:
        ExtensionError: Blender's tool finds fault; its words are in the message.
    """
    tool, python = extension_tool(*venvs)
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "vfx_swap"
        shutil.copytree(root / "hosts/blender", folder, ignore=LEFT_OUT)
        shutil.copytree(root / "hosts/bridge/vfx_swap_bridge", folder / "vfx_swap_bridge", ignore=LEFT_OUT)
        shutil.copyfile(root / "LICENSE", folder / "LICENSE")
        for words in (
            ["validate", str(folder)],
            ["build", "--source-dir", str(folder), "--output-filepath", str(out.resolve())],
        ):
            done = subprocess.run([str(python), str(tool), *words], capture_output=True, text=True, check=False)
            if done.returncode:
                raise ExtensionError(f"blender_ext {words[0]}: {(done.stdout + done.stderr).strip()}")
    return out


def main() -> int:
    """Build where the command line says."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("out", type=Path, help="the zip to write")
    try:
        out = build_extension(parser.parse_args().out)
    except ExtensionError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{out} ({out.stat().st_size / 1024:.0f} KiB)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
