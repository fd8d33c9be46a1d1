from __future__ import annotations

import errno
import os
import re
import socket
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from vfx_swap.errors import DeviceError, ModelMismatchError, UsageError
from vfx_swap.models.default import load_face_models
from vfx_swap.models.runtimes.offline_thread import OfflineThread
from vfx_swap.models.runtimes.onnx_session import (
    device_index,
    free_input_shape,
    import_onnxruntime,
    open_session,
    providers_for,
)

ROOT = Path(__file__).parents[2]


def test_device_names() -> None:
    assert [device_index(name) for name in ("cpu", "cuda", "cuda:2")] == [None, 0, 2]
    for name in ("gpu", "cuda:", "cuda:-1", "CPU", ""):
        with pytest.raises(UsageError, match="unknown device"):
            device_index(name)


def test_cuda_without_its_provider_is_an_error_not_the_cpu() -> None:
    with pytest.raises(DeviceError, match="no CUDA provider") as caught:
        providers_for("cuda", available=["CPUExecutionProvider"])
    assert "--gpu" in (caught.value.mend or "")
    assert providers_for("cpu", available=["CUDAExecutionProvider", "CPUExecutionProvider"]) == ["CPUExecutionProvider"]
    ((provider, options), _) = providers_for("cuda:1", available=["CUDAExecutionProvider"])
    assert (provider, options["device_id"]) == ("CUDAExecutionProvider", "1")


def test_tensorrt_is_there_or_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    here = ["TensorrtExecutionProvider", "CUDAExecutionProvider", "CPUExecutionProvider"]
    with pytest.raises(DeviceError, match="needs a GPU"):
        providers_for("cpu", available=here, tensorrt=True)
    with pytest.raises(DeviceError, match="no provider for it"):
        providers_for("cuda", available=here[1:], tensorrt=True)
    (first, options), (second, _), last = providers_for("cuda:1", available=here, tensorrt=True, half=True)
    assert (first, second, last) == ("TensorrtExecutionProvider", "CUDAExecutionProvider", "CPUExecutionProvider")
    assert (options["device_id"], options["trt_fp16_enable"]) == ("1", "True")
    assert options["trt_engine_cache_path"] == str(tmp_path / "vfx-swap" / "tensorrt")
    assert providers_for("cuda:1", available=here)[0][0] == "CUDAExecutionProvider"


def test_loading_for_a_gpu_that_is_not_there() -> None:
    if "CUDAExecutionProvider" in import_onnxruntime().get_available_providers():
        pytest.skip("this ONNX Runtime has a CUDA provider")
    with pytest.raises(DeviceError, match="cuda:0"):
        load_face_models(device="cuda:0")


def test_a_file_that_is_no_graph() -> None:
    with pytest.raises(ModelMismatchError, match="not an ONNX graph"):
        free_input_shape(b"\xff\xff\xff", name="x", free=[], where="net.onnx")
    with pytest.raises(ModelMismatchError, match="no input 'x'"):
        free_input_shape(b"", name="x", free=[], where="net.onnx")
    with pytest.raises(ModelMismatchError, match=r"net\.onnx: ONNX Runtime cannot read it"):
        open_session(b"\xff\xff\xff", device="cpu", threads=1, where="net.onnx")


def test_no_socket_opens_on_the_offline_thread_nor_on_its_children() -> None:
    def open_one() -> int:
        try:
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM).close()
        except OSError as error:
            return error.errno or -1
        return 0

    def open_one_in_a_child() -> int:
        import threading

        found: list[int] = []
        child = threading.Thread(target=lambda: found.append(open_one()))
        child.start()
        child.join()
        return found[0]

    thread = OfflineThread(name="test")
    try:
        assert thread.call(open_one) == errno.EACCES
        assert thread.call(open_one_in_a_child) == errno.EACCES
        assert open_one() == 0, "the rest of the process keeps its network"
    finally:
        thread.stop()


def test_results_and_errors_come_back_from_the_thread() -> None:
    thread = OfflineThread(name="test")
    assert thread.call(divmod, 7, 2) == (3, 1)
    assert thread.call(thread.call, int, "5") == 5
    with pytest.raises(ZeroDivisionError):
        thread.call(divmod, 1, 0)
    thread.stop()
    thread.stop()
    with pytest.raises(RuntimeError, match="was stopped"):
        thread.call(int)


def test_onnxruntime_is_imported_in_one_place_where_its_reports_are_off() -> None:
    importing = re.compile(r"^\s*(import onnxruntime|from onnxruntime)\b", re.MULTILINE)
    found = [path for path in (ROOT / "vfx_swap").rglob("*.py") if importing.search(path.read_text("utf-8"))]
    assert [path.name for path in found] == ["onnx_session.py"]


_WATCHED = """
    import os, sys
    from vfx_swap.models.default import load_face_models
    models = load_face_models()
    print("loaded", os.environ["ORT_DISABLE_TELEMETRY"])
    print("ours", file=sys.stderr)
"""


def test_a_process_that_forgets_to_close_ends_quietly(tmp_path: Path) -> None:
    """Nothing on stderr but our own text, no device id in the cache, exit 0."""
    environment = os.environ | {
        "HOME": str(tmp_path),
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
        "PYTHONPATH": str(ROOT),
    }
    environment["MPLCONFIGDIR"] = os.environ.get("MPLCONFIGDIR", str(tmp_path / "matplotlib"))
    environment.pop("ORT_DISABLE_TELEMETRY", None)
    run = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(_WATCHED)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env=environment,
        cwd=tmp_path,
    )
    assert (run.returncode, run.stdout) == (0, "loaded 1\n"), run.stderr
    assert run.stderr == "ours\n"
    assert not list(tmp_path.glob("**/Microsoft"))
