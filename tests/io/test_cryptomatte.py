"""Cryptomatte: ids against the specification's published vectors, ranks, and what the header says."""

from __future__ import annotations

import json

import numpy as np
import pytest

from vfx_swap.io.cryptomatte import RANKS, cryptomatte_header, cryptomatte_layers, manifest_of, murmur3_32, name_id


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("hello", 6.0705627102400005616e-17),
        ("cube", -4.08461912519e15),
        ("sphere", 2.79018604383e15),
        ("plane", 3.66557617593e-11),
        ("равнина", -1.3192631212399999468e-25),
        ("mädchen", 6.2361298211599995797e25),
    ],
)
def test_ids_are_those_the_authors_publish(name: str, value: float) -> None:
    """Psyop's own test values, as 32-bit floats."""
    assert name_id(name).tobytes() == np.float32(value).tobytes()


@pytest.mark.parametrize(
    ("text", "value"), [(b"", 0), (b"a", 0x3C2569B2), (b"ab", 0x9BBFD75F), (b"abc", 0xB3DD93FA), (b"test", 0xBA6BD213)]
)
def test_murmur3(text: bytes, value: int) -> None:
    assert murmur3_32(text) == value


def test_no_id_is_nothing_nan_or_inf() -> None:
    """One hash in 128 would be: its exponent is changed."""
    names = [f"track{number}/skin" for number in range(4000)]
    raw = [murmur3_32(name.encode()) >> 23 & 255 for name in names]
    assert 0 in raw
    assert 255 in raw
    ids = np.array([name_id(name) for name in names])
    assert np.isfinite(ids).all()
    assert (np.abs(ids) >= np.finfo(np.float32).tiny).all()
    assert len(set(ids.tolist())) == len(names)


def test_the_manifest_names_the_pixels_ids() -> None:
    manifest = json.loads(manifest_of(["hello", "mädchen"]))
    for name, digits in manifest.items():
        assert len(digits) == 8
        assert np.array([int(digits, 16)], np.uint32).view(np.float32)[0] == name_id(name)


def test_header() -> None:
    header = cryptomatte_header("CryptoFaceRegion", ["a", "b"])
    key = f"cryptomatte/{murmur3_32(b'CryptoFaceRegion'):08x}"[:19]
    assert header == {
        f"{key}/name": "CryptoFaceRegion",
        f"{key}/hash": "MurmurHash3_32",
        f"{key}/conversion": "uint32_to_float32",
        f"{key}/manifest": manifest_of(["a", "b"]),
    }


def test_ranks_are_ordered_and_decode_to_what_went_in() -> None:
    random = np.random.default_rng(3)
    shares = random.random((8, 5, 7)) ** 3
    shares[5] = 0.0
    shares = (shares / shares.sum(axis=0)).astype(np.float32)
    coverages = {f"n{index}": share for index, share in enumerate(shares)}
    layers = cryptomatte_layers("C", coverages, shape=(5, 7))
    assert list(layers) == [f"C{layer:02d}.{one}" for layer in range(3) for one in "RGBA"]
    planes = list(layers.values())
    ids, covered = np.stack(planes[0::2]), np.stack(planes[1::2])
    assert len(ids) == RANKS
    assert (np.diff(covered, axis=0) <= 0.0).all()
    assert ((ids == 0.0) == (covered == 0.0)).all()
    kept = np.sort(shares, axis=0)[::-1][RANKS - 1]
    for name, share in coverages.items():
        decoded = np.where(ids == name_id(name), covered, 0.0).sum(axis=0)
        assert np.array_equal(decoded, np.where(share >= kept, share, 0.0)), name


def test_nothing_is_zeros_in_every_channel() -> None:
    layers = cryptomatte_layers("C", {}, shape=(2, 3))
    assert len(layers) == 12
    assert not any(plane.any() for plane in layers.values())
