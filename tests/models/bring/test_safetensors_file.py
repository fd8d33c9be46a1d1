from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from vfx_swap.errors import MissingInputError, ModelMismatchError
from vfx_swap.models.bring.safetensors_file import read_safetensors, write_safetensors


def raw(path: Path, header: object, body: bytes = b"", *, length: int | None = None) -> Path:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes((len(text) if length is None else length).to_bytes(8, "little") + text + body)
    return path


def entry(shape: list[int], begin: int, end: int, dtype: str = "F32") -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


def test_what_is_written_is_read_and_the_same_tensors_are_the_same_bytes(tmp_path: Path) -> None:
    tensors: dict[str, NDArray[Any]] = {
        "w": np.random.default_rng(1).standard_normal((3, 2)).astype(np.float32),
        "count": np.array(7, dtype=np.int64),
        "half": np.ones(3, dtype=np.float16),
        "none": np.zeros((0, 4), dtype=np.float32),
    }
    for name in ("a.safetensors", "b.safetensors"):
        write_safetensors(tmp_path / name, tensors, metadata={"convention": "official", "a": "b"})
    assert (tmp_path / "a.safetensors").read_bytes() == (tmp_path / "b.safetensors").read_bytes()
    read = read_safetensors(tmp_path / "a.safetensors")
    assert dict(read.metadata) == {"convention": "official", "a": "b"}
    assert list(read.tensors) == list(tensors)
    for key, values in tensors.items():
        assert (read.tensors[key].dtype, read.tensors[key].shape) == (values.dtype, values.shape)
        np.testing.assert_array_equal(read.tensors[key], values)
    with pytest.raises(ValueError, match="read-only"):
        read.tensors["w"][0, 0] = 1.0


def test_bfloat16_comes_as_float32(tmp_path: Path) -> None:
    path = raw(tmp_path / "b.safetensors", {"b": entry([2], 0, 4, "BF16")}, b"\xc0\x3f\x00\xc0")
    np.testing.assert_array_equal(read_safetensors(path).tensors["b"], np.array([1.5, -2.0], np.float32))


def test_a_header_of_ten_gigabytes_is_refused_before_it_is_read(tmp_path: Path) -> None:
    with pytest.raises(ModelMismatchError, match="claims 10000000000 bytes") as caught:
        read_safetensors(raw(tmp_path / "a.safetensors", b"{}", length=10_000_000_000))
    assert caught.value.mend


@pytest.mark.parametrize(
    ("header", "body", "reason"),
    [
        pytest.param(b"{nonsense", b"", "not JSON", id="not JSON"),
        pytest.param(b"[" * 100_000, b"", "not JSON", id="nested deeply"),
        pytest.param(b"[]", b"", "not a table", id="a list"),
        pytest.param(b'{"a": 1, "a": 2}', b"", "stands twice", id="a name twice"),
        pytest.param({"__metadata__": {"a": 1}}, b"", "metadata", id="metadata that is no text"),
        pytest.param({"a": entry([2], 0, 8)}, bytes(7), "need 8 bytes", id="cut off"),
        pytest.param({"a": entry([2], 0, 8)}, bytes(9), "need 8 bytes", id="bytes too many"),
        pytest.param({"a": entry([2], 0, 8), "b": entry([2], 4, 12)}, bytes(12), "begins at byte 4", id="overlap"),
        pytest.param({"a": entry([2], 4, 12)}, bytes(12), "begins at byte 4", id="gap"),
        pytest.param({"a": entry([3], 0, 8)}, bytes(8), "does not take 8 bytes", id="shape"),
        pytest.param({"a": entry([-2, -1], 0, 8)}, bytes(8), "is not one", id="negative"),
        pytest.param({"a": entry([True, 2], 0, 8)}, bytes(8), "is not one", id="a truth for a length"),
        pytest.param({"a": entry([2], 0, 8, "F128")}, bytes(8), "is not one", id="unknown type"),
        pytest.param({"a": [1]}, b"", "not described", id="no entry"),
    ],
)
def test_a_header_that_lies_is_refused(header: object, body: bytes, reason: str, tmp_path: Path) -> None:
    with pytest.raises(ModelMismatchError, match=reason) as caught:
        read_safetensors(raw(tmp_path / "a.safetensors", header, body))
    assert caught.value.where == str(tmp_path / "a.safetensors")


def test_what_cannot_be_opened_or_is_empty(tmp_path: Path) -> None:
    with pytest.raises(MissingInputError):
        read_safetensors(tmp_path / "none.safetensors")
    (tmp_path / "empty.safetensors").write_bytes(b"")
    with pytest.raises(ModelMismatchError):
        read_safetensors(tmp_path / "empty.safetensors")
    with pytest.raises(ValueError, match="complex"):
        write_safetensors(tmp_path / "c.safetensors", {"c": np.zeros(1, np.complex64)}, metadata={})
