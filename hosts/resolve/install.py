"""Puts Vfx Swap's scripts where Resolve looks for them. Needs nothing but Python 3.9.

python3 install.py                 for this user
python3 install.py --all-users     for everybody on this machine
python3 install.py --to FOLDER     into another Fusion folder
python3 install.py --remove        takes them away again
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

__all__ = ["fusion_folder", "install", "main", "remove"]

HERE = Path(__file__).resolve().parent
PACKAGES = (HERE / "vfx_swap_resolve", HERE.parent / "bridge" / "vfx_swap_bridge")
MODULES = "VfxSwap"
"""Beside `Scripts`, since Resolve offers whatever lies in there as a script."""
SCRIPTS = {"Edit": "edit", "Comp": "fusion", "Utility": "edit"}
"""Folder of the scripts of a page -> what is told to the menu."""
NAME = "Vfx Swap.py"
TEMPLATE = HERE / "scripts" / f"{NAME}.in"


def fusion_folder(environ: Mapping[str, str], *, platform: str = sys.platform, all_users: bool = False) -> Path:
    """Resolve's Fusion folder on this platform (its scripting README names them)."""
    home = Path(environ.get("HOME") or environ.get("USERPROFILE") or str(Path.home()))
    if platform == "win32":
        tail = Path("Blackmagic Design", "DaVinci Resolve")
        if all_users:
            return Path(environ.get("PROGRAMDATA", "C:/ProgramData")) / tail / "Fusion"
        base = Path(environ.get("APPDATA") or home / "AppData" / "Roaming")
        return base / tail / "Support" / "Fusion"
    if platform == "darwin":
        root = Path("/Library") if all_users else home / "Library"
        return root / "Application Support" / "Blackmagic Design" / "DaVinci Resolve" / "Fusion"
    return Path("/opt/resolve/Fusion") if all_users else home / ".local/share/DaVinciResolve/Fusion"


def install(folder: Path) -> list[Path]:
    """Copy the packages and write the menu's scripts; what an older version left is replaced.

    Returns:
        The scripts.

    Raises:
        OSError: the folder cannot be written.
    """
    modules = folder / MODULES
    for package in PACKAGES:
        target = modules / package.name
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(package, target, ignore=shutil.ignore_patterns("__pycache__", "*.pyc"))
    text = TEMPLATE.read_text(encoding="utf-8")
    written = []
    for page, told in SCRIPTS.items():
        script = folder / "Scripts" / page / NAME
        script.parent.mkdir(parents=True, exist_ok=True)
        # The path is written in: a script that Resolve starts does not always know its own file.
        script.write_text(text.replace("@MODULES@", repr(str(modules))).replace("@PAGE@", repr(told)), encoding="utf-8")
        written.append(script)
    return written


def remove(folder: Path) -> None:
    """Take away what `install` wrote, and nothing else."""
    for page in SCRIPTS:
        (folder / "Scripts" / page / NAME).unlink(missing_ok=True)
    shutil.rmtree(folder / MODULES, ignore_errors=True)


def main(arguments: Sequence[str], *, environ: Mapping[str, str] = os.environ, platform: str = sys.platform) -> int:
    """The command.

    Returns:
        0, or 1 where the folder cannot be written.
    """
    parser = argparse.ArgumentParser(description="Puts Vfx Swap's scripts where Resolve looks for them.")
    parser.add_argument("--all-users", action="store_true", help="for everybody on this machine")
    parser.add_argument("--to", type=Path, metavar="FOLDER", help="another Fusion folder")
    parser.add_argument("--remove", action="store_true", help="take the scripts away again")
    given = parser.parse_args(arguments)
    folder = given.to or fusion_folder(environ, platform=platform, all_users=given.all_users)
    if given.remove:
        remove(folder)
        sys.stdout.write(f"removed from {folder}\n")
        return 0
    try:
        scripts = install(folder)
    except OSError as error:
        sys.stderr.write(f"{folder} cannot be written: {error.strerror or error}. Another with --to FOLDER\n")
        return 1
    for script in scripts:
        sys.stdout.write(f"written: {script}\n")
    sys.stdout.write("Start Resolve anew: Workspace > Scripts > Vfx Swap\n")
    if platform == "win32" and not environ.get("PYTHONHOME") and not environ.get("FUSION_PYTHON3_HOME"):
        sys.stdout.write("With several Pythons installed, set FUSION_PYTHON3_HOME to the one that Resolve is to use\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
