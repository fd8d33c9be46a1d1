from __future__ import annotations

import struct
import sys
import zipfile
from collections import OrderedDict
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.models.bring.torch_files import (
    Built,
    Changed,
    call,
    module,
    named,
    pickled,
    state_of,
    tensor,
    write_legacy,
    write_zip,
)
from vfx_swap.errors import MissingInputError, ModelMismatchError
from vfx_swap.models.bring.torch_file import read_torch_file


@pytest.fixture
def tensors() -> dict[str, NDArray[Any]]:
    random = np.random.default_rng(5)
    return {
        "first.weight": random.standard_normal((4, 3, 2, 2)).astype(np.float32),
        "first.half": random.standard_normal(5).astype(np.float16),
        "norm.num_batches_tracked": np.array(7, dtype=np.int64),
    }


@pytest.mark.parametrize("write", [write_zip, write_legacy])
def test_both_forms_give_the_bits_that_went_in(write: Any, tensors: dict[str, NDArray[Any]], tmp_path: Path) -> None:
    read = read_torch_file(write(tmp_path / "net.pth", tensors))
    assert list(read) == list(tensors)
    for key, values in tensors.items():
        assert (read[key].dtype, read[key].shape) == (values.dtype, values.shape)
        np.testing.assert_array_equal(read[key], values)


def test_views_share_a_storage_and_may_be_turned(tmp_path: Path) -> None:
    values = np.arange(6, dtype=np.float32).reshape(2, 3)
    shared = tensor("0", values)
    turned = tensor("0", values)
    turned.values = values.T
    path = write_zip(tmp_path / "n.pth", {"a": values}, text=pickled(OrderedDict(a=shared, b=turned)))
    read = read_torch_file(path)
    np.testing.assert_array_equal(read["a"], values)
    np.testing.assert_array_equal(read["b"], values.T)


@pytest.mark.torch
@pytest.mark.parametrize("form", [True, False])
def test_what_torch_writes_is_read(form: bool, tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    net = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4)).to(torch.float32)
    state = net.state_dict() | {"wide": torch.ones(3, dtype=torch.bfloat16) * 1.5}
    torch.save(state, tmp_path / "n.pth", _use_new_zipfile_serialization=form)
    read = read_torch_file(tmp_path / "n.pth")
    assert list(read) == list(state)
    for key, value in state.items():
        np.testing.assert_array_equal(read[key], value.to(torch.float32).numpy() if key == "wide" else value.numpy())


@pytest.mark.parametrize("name", ["os.system", "builtins.eval", "posix.system", "torch.load", "numpy.load"])
@pytest.mark.parametrize("form", ["zip", "legacy"])
def test_a_pickle_bomb_never_goes_off(name: str, form: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    mark = tmp_path / "it-ran"
    text = call(*name.rsplit(".", 1), f"touch {mark}")
    if form == "zip":
        path = write_zip(tmp_path / "net.pth", {}, text=text)
    else:
        path = tmp_path / "net.pth"
        path.write_bytes(text)
    with pytest.raises(ModelMismatchError, match=f"asks for {name}, which could run anything") as caught:
        read_torch_file(path)
    assert caught.value.where == str(path)
    assert "safetensors" in (caught.value.mend or "")
    assert not mark.exists()
    assert capfd.readouterr().out == ""


def test_a_bomb_deep_in_a_state_dict_never_goes_off(tmp_path: Path) -> None:
    state = OrderedDict(weight=tensor("0", np.zeros(2, np.float32)), more=Built("subprocess", "Popen", {}))
    path = write_zip(tmp_path / "net.pth", {"weight": np.zeros(2, np.float32)}, text=pickled(state))
    with pytest.raises(ModelMismatchError, match=r"subprocess\.Popen"):
        read_torch_file(path)


@pytest.mark.parametrize("write", [write_zip, write_legacy])
@pytest.mark.parametrize("left", [0, 1, 40, 300, -1])
def test_a_truncated_file_is_refused(write: Any, left: int, tensors: dict[str, NDArray[Any]], tmp_path: Path) -> None:
    path = write(tmp_path / "net.pth", tensors)
    path.write_bytes(path.read_bytes()[:left])
    with pytest.raises(ModelMismatchError):
        read_torch_file(path)


def test_a_changed_byte_is_noticed(tensors: dict[str, NDArray[Any]], tmp_path: Path) -> None:
    path = write_zip(tmp_path / "net.pth", tensors)
    body = bytearray(path.read_bytes())
    body[body.index(tensors["first.weight"].tobytes()) + 3] ^= 1
    path.write_bytes(bytes(body))
    with pytest.raises(ModelMismatchError, match="CRC"):
        read_torch_file(path)


def test_numbers_that_are_not_there_are_refused(tmp_path: Path) -> None:
    small = {"a": np.zeros(4, np.float32)}
    claims = pickled(state_of(small, claim=1 << 40))
    with pytest.raises(ModelMismatchError, match="16 bytes where 1099511627776 numbers"):
        read_torch_file(write_zip(tmp_path / "a.pth", small, text=claims))
    big = tensor("0", np.zeros(4, np.float32))
    big.values = np.lib.stride_tricks.as_strided(np.zeros(4, np.float32), (1 << 20, 1 << 20), (0, 0))
    with pytest.raises(ModelMismatchError, match="reaches past its 4 numbers"):
        read_torch_file(write_zip(tmp_path / "b.pth", small, text=pickled({"a": big})))
    legacy = write_legacy(tmp_path / "c.pth", small, described=state_of(small, claim=1 << 40))
    with pytest.raises(ModelMismatchError, match="cut off"):
        read_torch_file(legacy)


def test_a_packed_zip_is_no_checkpoint(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "a.pth", {"a": np.zeros(1 << 20, np.float32)}, packed=True)
    with pytest.raises(ModelMismatchError, match="compressed, which torch never does"):
        read_torch_file(path)


def test_two_members_of_one_name_are_refused(tensors: dict[str, NDArray[Any]], tmp_path: Path) -> None:
    path = write_zip(tmp_path / "a.pth", tensors)
    with zipfile.ZipFile(path, "a") as archive, pytest.warns(UserWarning, match="Duplicate name"):
        archive.writestr("archive/data.pkl", call("os", "system", "true"))
    with pytest.raises(ModelMismatchError, match="same name"):
        read_torch_file(path)


def test_a_pickle_that_would_eat_memory_is_refused(tmp_path: Path) -> None:
    remember = b"\x80\x02K\x01r" + struct.pack("<I", 0xFFFFFFF0) + b"."
    with pytest.raises(ModelMismatchError, match="remembered objects"):
        read_torch_file(write_zip(tmp_path / "a.pth", {}, text=remember))
    nested = b"\x80\x02" + b"]" * 100_000 + b"a" * 99_999 + b"."
    with pytest.raises(ModelMismatchError):
        read_torch_file(write_zip(tmp_path / "b.pth", {}, text=nested))
    extension = b"\x80\x02\x82\x01."
    with pytest.raises(ModelMismatchError, match="extension registry"):
        read_torch_file(write_zip(tmp_path / "c.pth", {}, text=extension))


@pytest.mark.parametrize(
    ("held", "reason"),
    [
        pytest.param([1, 2], "a list, not a table", id="a list"),
        pytest.param({"epoch": 3}, "'epoch' holds a int", id="training state"),
        pytest.param({"model": {"a": 1}}, "'model' holds a dict", id="nested"),
    ],
)
def test_what_is_no_state_dict_is_refused(held: object, reason: str, tmp_path: Path) -> None:
    with pytest.raises(ModelMismatchError, match=reason):
        read_torch_file(write_zip(tmp_path / "a.pth", {}, text=pickled(held)))


def test_another_pickle_is_no_checkpoint(tmp_path: Path) -> None:
    path = tmp_path / "list.pkl"
    path.write_bytes(pickled([1, 2, 3]))
    with pytest.raises(ModelMismatchError, match="no torch checkpoint"):
        read_torch_file(path)
    with pytest.raises(MissingInputError):
        read_torch_file(tmp_path / "none.pth")


def whole_module(weight: NDArray[Any], mean: NDArray[Any]) -> Built:
    """What arcface_checkpoint.tar is since 2023: the network itself, as an object."""
    conv = module("torch.nn.modules.conv.Conv2d", parameters={"weight": tensor("0", weight), "bias": None})
    norm = module("torch.nn.modules.batchnorm.BatchNorm2d", buffers={"running_mean": tensor("1", mean)})
    inner = module("models.arcface_models.IRBlock", inside={"bn": norm, "downsample": None})
    return module("models.arcface_models.ResNet", inside={"conv1": conv, "layer1": inner})


def test_a_whole_module_gives_its_tensors_and_none_of_its_code(tmp_path: Path) -> None:
    weight, mean = np.ones((2, 3, 1, 1), np.float32), np.full(2, 0.5, np.float32)
    path = write_zip(
        tmp_path / "arcface_checkpoint.tar", {"0": weight, "1": mean}, text=pickled(whole_module(weight, mean))
    )
    read = read_torch_file(path)
    assert list(read) == ["conv1.weight", "layer1.bn.running_mean"]
    np.testing.assert_array_equal(read["conv1.weight"], weight)
    np.testing.assert_array_equal(read["layer1.bn.running_mean"], mean)
    assert "models.arcface_models" not in sys.modules


def test_the_training_state_of_before_2023_is_refused_with_the_reason(tmp_path: Path) -> None:
    state = {"epoch": 9, "model": Built("torch.nn.parallel.data_parallel", "DataParallel", {})}
    path = write_legacy(tmp_path / "arcface_checkpoint.tar", {}, described=state)
    with pytest.raises(ModelMismatchError, match="before April 2023") as caught:
        read_torch_file(path)
    assert "52ea5ce4" in (caught.value.mend or "")


def test_a_part_of_another_storage_is_refused_and_not_misread(tmp_path: Path) -> None:
    """Files from before torch 0.4 hold storages that are parts of others."""
    path = write_legacy(tmp_path / "old.pth", {"a": np.zeros(4, np.float32)})
    body = path.read_bytes()
    whole = b"Ntq"  # the storage's sixth place: None, then the tuple's end
    at = body.index(whole, body.index(b"FloatStorage"))
    path.write_bytes(body[:at] + b"K\x02" + body[at + 1 :])
    with pytest.raises(ModelMismatchError, match=r"before torch 0\.4"):
        read_torch_file(path)


@pytest.mark.parametrize(
    "state",
    [
        {"shape": (1 << 20,), "stride": (1,)},
        {"offset": 1 << 30},
        (None, {"shape": (1 << 20,), "stride": (1,)}),
    ],
)
def test_a_tensor_cannot_be_changed_once_it_was_described(state: Any, tmp_path: Path) -> None:
    """Else it would be read from memory beyond the file's numbers."""
    values = np.zeros(4, np.float32)
    text = pickled({"a": Changed(tensor("0", values), state)})
    with pytest.raises(ModelMismatchError, match="changes what it has described"):
        read_torch_file(write_zip(tmp_path / "a.pth", {"a": values}, text=text))


@pytest.mark.parametrize("state", [{"dtype": "O"}, {"dtype": "V1000"}])
def test_a_kind_of_number_cannot_be_changed(state: Any, tmp_path: Path) -> None:
    values = np.zeros(4, np.float32)
    first = Changed(named("torch", "FloatStorage"), state)
    text = pickled({"kind": first, "a": tensor("0", values)})
    with pytest.raises(ModelMismatchError, match="changes what it has described"):
        read_torch_file(write_zip(tmp_path / "a.pth", {"a": values}, text=text))


@pytest.mark.parametrize("shape", [(-1,), (2.0,), ("4",), (1 << 62, 1 << 62)])
def test_a_shape_that_is_none_is_refused(shape: Any, tmp_path: Path) -> None:
    values = np.zeros(4, np.float32)
    odd = tensor("0", values)
    odd.values = SimpleNamespace(shape=shape, strides=(4,) * len(shape), itemsize=4)
    with pytest.raises(ModelMismatchError):
        read_torch_file(write_zip(tmp_path / "a.pth", {"a": values}, text=pickled({"a": odd})))


def test_what_one_file_does_to_its_stand_ins_does_not_outlive_it(tmp_path: Path) -> None:
    values = np.ones(2, np.float32)
    rebuild = named("torch._utils", "_rebuild_parameter")
    text = pickled({"x": Changed(named("collections", "OrderedDict"), (None, {"__setitem__": rebuild}))})
    with pytest.raises(ModelMismatchError):
        read_torch_file(write_zip(tmp_path / "evil.pth", {}, text=text))
    read = read_torch_file(write_zip(tmp_path / "good.pth", {"a": values}))
    np.testing.assert_array_equal(read["a"], values)


@pytest.mark.parametrize("form", ["pickle", "zip", "legacy"])
def test_any_byte_changed_is_either_harmless_or_refused(
    form: str, tensors: dict[str, NDArray[Any]], tmp_path: Path
) -> None:
    random = np.random.default_rng(11)
    makers = {
        "pickle": lambda: pickled(state_of(tensors)),
        "zip": lambda: write_zip(tmp_path / "z", tensors).read_bytes(),
        "legacy": lambda: write_legacy(tmp_path / "l", tensors).read_bytes(),
    }
    whole = makers[form]()
    refused = 0
    for number in range(300):
        body = bytearray(whole)
        for _ in range(1 + number % 3):
            body[int(random.integers(len(body)))] = int(random.integers(256))
        path = tmp_path / "n.pth"
        if form == "pickle":
            write_zip(path, tensors, text=bytes(body))
        else:
            path.write_bytes(bytes(body))
        try:
            read_torch_file(path)
        except ModelMismatchError:
            refused += 1
    assert refused > 50
