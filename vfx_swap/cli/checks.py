"""What `vfx-swap doctor` looks at: the machine, its Python, its libraries. Each check is a function."""

from __future__ import annotations

import ctypes
import importlib.metadata
import json
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

__all__ = [
    "MODULES",
    "SYSTEM_LIBRARIES",
    "Check",
    "State",
    "SystemLibrary",
    "check_devices",
    "check_disk",
    "check_hosts",
    "check_machine",
    "check_modules",
    "check_owners",
    "check_python",
    "check_system_libraries",
    "hosts_folder",
]

State: TypeAlias = Literal["ok", "note", "warning", "broken"]


@dataclass(frozen=True)
class Check:
    """One line of the doctor's report."""

    name: str
    state: State
    """`broken` keeps the default stack from running; the others do not."""
    text: str
    mend: str | None = None
    """The command, or the act, that mends it."""


@dataclass(frozen=True)
class SystemLibrary:
    """A shared library that pip does not bring."""

    soname: str
    debian: str
    """Package of Debian and Ubuntu."""
    redhat: str
    """Package of RHEL, Rocky, Alma and Fedora."""
    needed_by: str


SYSTEM_LIBRARIES = (
    SystemLibrary("libEGL.so.1", "libegl1", "libglvnd-egl", "mediapipe"),
    SystemLibrary("libGLESv2.so.2", "libgles2", "libglvnd-gles", "mediapipe"),
    SystemLibrary("libstdc++.so.6", "libstdc++6", "libstdc++", "every picture library"),
    SystemLibrary("libz.so.1", "zlib1g", "zlib", "OpenCV"),
)
"""Found with ldd over the shared objects of the default stack's wheels; what glibc itself brings is left out."""

MODULES = (
    "numpy", "scipy", "cv2", "OpenImageIO", "PyOpenColorIO", "av", "fileseq", "pydantic", "onnxruntime", "mediapipe",
    "dlib",
)  # fmt: skip
"""What the default stack imports."""

_OWNERS: Mapping[str, tuple[str, ...]] = {
    "cv2": ("opencv-contrib-python-headless", "opencv-contrib-python", "opencv-python-headless", "opencv-python"),
    "onnxruntime": ("onnxruntime", "onnxruntime-gpu"),
}
"""Module -> distributions that own its files; installed together, the last one written wins in silence."""

_IMPORTS = """
import importlib, json, os, sys, warnings
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
warnings.simplefilter("ignore")
for name in sys.argv[1:]:
    sys.__stdout__.write(json.dumps({"module": name}) + "\\n"); sys.__stdout__.flush()
    try:
        importlib.import_module(name)
        reason = None
    except BaseException as error:
        reason = f"{type(error).__name__}: {error}"
    sys.__stdout__.write(json.dumps({"module": name, "reason": reason}) + "\\n"); sys.__stdout__.flush()
"""


def check_python(version: tuple[int, int] = (sys.version_info[0], sys.version_info[1])) -> Check:
    """Whether this Python is one that is tested."""
    text = f"Python {platform.python_version()} at {sys.executable}"
    if (3, 11) <= version <= (3, 13):
        return Check("python", "ok", text)
    state: State = "broken" if version < (3, 11) else "warning"
    return Check("python", state, f"{text}, tested are 3.11 to 3.13", "Use Python 3.11, 3.12 or 3.13")


def check_machine() -> Check:
    """Processor, cores this process may use, memory."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    total = _memory_bytes()
    memory = "unknown memory" if total is None else f"{total / 2**30:.1f} GiB of memory"
    text = f"{platform.system()} {platform.machine()}, {cores} core{'s' if cores != 1 else ''}, {memory}"
    if total is not None and total < 4 * 2**30:
        return Check("machine", "warning", f"{text}; a 4K frame wants about 4 GiB", "Use a machine with more memory")
    return Check("machine", "ok", text)


def _memory_bytes() -> int | None:
    """Memory of the machine, or of the container where that is less."""
    try:
        total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (OSError, ValueError):
        return None
    try:
        limit = Path("/sys/fs/cgroup/memory.max").read_text(encoding="ascii").strip()
    except OSError:
        return total
    return min(total, int(limit)) if limit.isdigit() else total


def check_owners(owners_of: Callable[[], Mapping[str, Sequence[str]]] | None = None) -> list[Check]:
    """Whether exactly one distribution owns cv2, and one onnxruntime."""
    owned = (importlib.metadata.packages_distributions if owners_of is None else owners_of)()
    return [_check_owner(module, known, sorted(set(owned.get(module, ())))) for module, known in _OWNERS.items()]


def _check_owner(module: str, known: Sequence[str], owners: Sequence[str]) -> Check:
    name = f"one {module}"
    if len(owners) == 1:
        return Check(name, "ok", owners[0])
    if not owners:
        return Check(name, "broken", f"{module} is not installed", f"pip install --no-deps {known[0]}")
    keep = next((one for one in known if one in owners), owners[0])
    return Check(
        name,
        "warning",
        f"{len(owners)} packages own the same files, the last installed wins: {', '.join(owners)}",
        f"pip uninstall -y {' '.join(owners)} && pip install --no-deps {keep}",
    )


def check_modules(modules: Sequence[str] = MODULES, *, timeout_seconds: float = 120.0) -> list[Check]:
    """Whether each library loads, tried in a process of its own, so that one that crashes only fails its check."""
    try:
        run = subprocess.run(  # noqa: S603  our own interpreter with a constant program
            [sys.executable, "-c", _IMPORTS, *modules],
            capture_output=True,
            timeout=timeout_seconds,
            check=False,
        )
        lines, ended = (
            run.stdout.decode("utf-8", "replace").splitlines(),
            f"the interpreter ended with code {run.returncode}",
        )
    except subprocess.TimeoutExpired as error:
        text = str(error.stdout or b"", "utf-8", "replace")
        lines, ended = text.splitlines(), f"it did not load within {timeout_seconds:.0f} s"
    reasons = _reasons(lines)
    broken: list[Check] = []
    for module in modules:
        reason = reasons.get(module, ended)
        if reason is not None:
            mend = "scripts/setup (in a clone), or pip install --force-reinstall vfx-swap"
            broken.append(Check(f"import {module}", "broken", reason, mend))
            if module not in reasons:  # those after the one that crashed were never tried
                break
    return broken or [Check("libraries", "ok", f"{', '.join(modules)} load")]


def _reasons(lines: Iterable[str]) -> dict[str, str | None]:
    """Module -> why it failed to load, or None; a module that was begun and never ended is absent."""
    found: dict[str, str | None] = {}
    for line in lines:
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        if isinstance(entry, dict) and "reason" in entry:
            found[str(entry.get("module"))] = entry["reason"]
    return found


def _loads(soname: str) -> bool:
    try:
        ctypes.CDLL(soname)
    except OSError:
        return False
    return True


def check_system_libraries(
    libraries: Sequence[SystemLibrary] = SYSTEM_LIBRARIES, *, loads: Callable[[str], bool] = _loads
) -> Check:
    """Whether the shared libraries are there that pip does not bring and a headless machine often lacks."""
    missing = [library for library in libraries if not loads(library.soname)]
    if not missing:
        return Check("system libraries", "ok", ", ".join(library.soname for library in libraries))
    debian = " ".join(library.debian for library in missing)
    redhat = " ".join(library.redhat for library in missing)
    text = "missing: " + ", ".join(f"{library.soname} (for {library.needed_by})" for library in missing)
    return Check(
        "system libraries",
        "broken",
        text,
        f"Debian, Ubuntu: apt-get install -y {debian}    RHEL, Rocky, Fedora: dnf install -y {redhat}",
    )


def check_devices() -> Check:
    """What `--device` takes here, by torch; the GPUs that the driver names; onnxruntime's providers."""
    try:
        from vfx_swap.models.runtimes.onnx_session import import_onnxruntime

        providers = ", ".join(import_onnxruntime().get_available_providers())
    except Exception as error:  # noqa: BLE001  any way a library can fail to load is reported by check_modules
        providers = f"does not load ({type(error).__name__})"
    named = _nvidia_gpus()
    usable, torch = _torch_devices()
    devices = ", ".join(["cpu", *usable])
    text = f"--device takes {devices}; {'; '.join(named) or 'no NVIDIA GPU'}; {torch}; onnxruntime: {providers}"
    if named and not usable:
        mend = "scripts/setup --neural, or --gpu for onnxruntime too; without it everything runs on the CPU"
        return Check("devices", "note", text, mend)
    return Check("devices", "ok", text)


def _nvidia_gpus() -> list[str]:
    """GPUs as the driver's own program names them."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return []
    try:
        run = subprocess.run([program, "-L"], capture_output=True, text=True, timeout=20, check=False)  # noqa: S603
    except (OSError, subprocess.TimeoutExpired):
        return []
    return [line.split("(UUID")[0].strip() for line in run.stdout.splitlines() if line.startswith("GPU ")]


def _torch_devices() -> tuple[list[str], str]:
    """GPUs by the names that `--device` takes, and what torch there is."""
    from vfx_swap.errors import DeviceError
    from vfx_swap.models.torch_kernels.device import import_torch

    try:
        torch = import_torch()
    except DeviceError as error:
        return [], error.what
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    return [f"cuda:{index}" for index in range(count)], f"torch {torch.__version__}"


def check_disk(folders: Sequence[Path]) -> list[Check]:
    """Whether the folders can be written to, and how much room they have."""
    return [_check_folder(folder) for folder in dict.fromkeys(folders)]


def _check_folder(folder: Path) -> Check:
    name = f"disk {folder}"
    probe = folder / f".vfx-swap-doctor.{os.getpid()}.tmp"
    try:
        probe.write_bytes(b"x")
    except OSError as error:
        return Check(name, "warning", f"cannot be written to: {error.strerror}", "Work in a folder you may write to")
    probe.unlink(missing_ok=True)
    free = shutil.disk_usage(folder).free
    text = f"writable, {free / 2**30:.1f} GiB free"
    if free < 2**30:
        return Check(name, "warning", text, "Free some space: a 4K half-float frame takes up to 70 MB")
    return Check(name, "ok", text)


def check_hosts() -> Check:
    """Applications on PATH whose adapters may be used, and where the adapters lie."""
    programs = {"Blender": ("blender",), "Nuke": ("nuke", "Nuke"), "DaVinci Resolve": ("resolve",)}
    found = [f"{host} ({path})" for host, names in programs.items() if (path := _first_on_path(names))]
    resolve = Path("/opt/resolve/bin/resolve")
    if resolve.exists() and not any(entry.startswith("DaVinci") for entry in found):
        found.append(f"DaVinci Resolve ({resolve})")
    text = ", ".join(found) if found else "no Blender, Nuke or DaVinci Resolve on PATH"
    return Check("hosts", "note", f"{text}; their adapters: {hosts_folder()}")


def hosts_folder() -> Path:
    """Where the adapters lie: in the installed package, else beside it in a source checkout."""
    package = Path(__file__).resolve().parents[1]
    installed = package / "_hosts"
    return installed if installed.is_dir() else package.parent / "hosts"


def _first_on_path(names: Iterable[str]) -> str | None:
    return next((path for name in names if (path := shutil.which(name)) is not None), None)
