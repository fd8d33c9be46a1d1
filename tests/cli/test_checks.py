"""What the doctor looks at."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from vfx_swap.cli import checks


@pytest.mark.parametrize(
    ("version", "state"), [((3, 10), "broken"), ((3, 11), "ok"), ((3, 13), "ok"), ((3, 14), "warning")]
)
def test_pythons_that_are_tested_are_named(version: tuple[int, int], state: str) -> None:
    assert checks.check_python(version).state == state


def test_one_owner_is_well() -> None:
    found = checks.check_owners(
        lambda: {"cv2": ["opencv-contrib-python-headless"], "onnxruntime": ["onnxruntime", "onnxruntime"]}
    )
    assert [check.state for check in found] == ["ok", "ok"]


def test_two_owners_of_cv2_are_named_with_the_command_that_mends_it() -> None:
    owners = {"cv2": ["opencv-python", "opencv-contrib-python-headless"], "onnxruntime": ["onnxruntime"]}
    check = checks.check_owners(lambda: owners)[0]
    assert check.state == "warning"
    assert "opencv-python" in check.text
    assert check.mend == (
        "pip uninstall -y opencv-contrib-python-headless opencv-python && "
        "pip install --no-deps opencv-contrib-python-headless"
    )


def test_no_owner_keeps_the_stack_from_running() -> None:
    assert [check.state for check in checks.check_owners(dict)] == ["broken", "broken"]


def test_missing_system_libraries_come_with_both_install_commands() -> None:
    check = checks.check_system_libraries(loads=lambda soname: soname != "libEGL.so.1")
    assert check.state == "broken"
    assert "libEGL.so.1 (for mediapipe)" in check.text
    assert check.mend is not None
    assert "apt-get install -y libegl1" in check.mend
    assert "dnf install -y libglvnd-egl" in check.mend
    assert "libgles2" not in check.mend


def test_libraries_that_load_are_well() -> None:
    assert checks.check_system_libraries(loads=lambda soname: True).state == "ok"
    assert checks._loads("libc.so.6")
    assert not checks._loads("libnothing-of-this-name.so.9")


def test_a_module_that_does_not_load_is_named_with_its_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "wont_load.py").write_text("raise OSError('libEGL.so.1: cannot open shared object file')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    (check,) = checks.check_modules(["json", "wont_load", "math"])
    assert (check.name, check.state) == ("import wont_load", "broken")
    assert "libEGL.so.1" in check.text


def test_a_module_that_crashes_the_interpreter_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "crashes.py").write_text("import os; os.abort()")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    (check,) = checks.check_modules(["json", "crashes", "math"])
    assert check.name == "import crashes"
    assert "ended with code" in check.text


def test_a_module_that_hangs_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "hangs.py").write_text("import time; time.sleep(60)")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    (check,) = checks.check_modules(["hangs"], timeout_seconds=1.0)
    assert "did not load" in check.text


def test_modules_that_load_are_one_line() -> None:
    (check,) = checks.check_modules(["json", "math"])
    assert (check.state, check.text) == ("ok", "json, math load")


def test_a_folder_that_cannot_be_written_to_is_named(tmp_path: Path) -> None:
    good, bad = checks.check_disk([tmp_path, tmp_path / "none"])
    assert good.state in ("ok", "warning")
    assert "writable" in good.text
    assert bad.state == "warning"
    assert "cannot be written to" in bad.text
    assert list(tmp_path.iterdir()) == []


def test_hosts_on_path_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "no Blender" in checks.check_hosts().text or "Resolve" in checks.check_hosts().text
    program = tmp_path / "blender"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    assert f"Blender ({program})" in checks.check_hosts().text
    assert checks.check_hosts().text.endswith(str(checks.hosts_folder()))
    assert (checks.hosts_folder() / "bridge" / "vfx_swap_bridge" / "agent.py").is_file()


def test_machine_and_devices_are_told() -> None:
    assert "core" in checks.check_machine().text
    found = checks.check_devices()
    assert "--device takes cpu" in found.text
    assert "torch" in found.text
    assert "CPUExecutionProvider" in found.text


def test_a_gpu_that_torch_cannot_use_comes_with_the_command_that_mends_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "nvidia-smi"
    program.write_text("#!/bin/sh\necho 'GPU 0: NVIDIA Something (UUID: GPU-1)'\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.setattr(checks, "_torch_devices", lambda: ([], "torch is not installed"))
    found = checks.check_devices()
    assert (found.state, "NVIDIA Something" in found.text) == ("note", True)
    assert found.mend is not None
    assert "scripts/setup --neural" in found.mend
    monkeypatch.setattr(checks, "_torch_devices", lambda: (["cuda:0"], "torch 2.13.0"))
    found = checks.check_devices()
    assert (found.state, found.mend) == ("ok", None)
    assert "--device takes cpu, cuda:0" in found.text
