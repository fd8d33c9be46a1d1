from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pytest

from vfx_swap.errors import MissingInputError, ModelMismatchError
from vfx_swap.models.bring.archives import unpacked


def zipped(path: Path, members: dict[str, bytes], *, how: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", compression=how) as archive:
        for name, body in members.items():
            archive.writestr(name, body)
    return path


def test_members_come_out_whole_and_are_gone_afterwards(tmp_path: Path) -> None:
    path = zipped(tmp_path / "a.zip", {"people/": b"", "people/net.pth": b"abc", "people/loss_log.txt": b"x" * 9000})
    with unpacked(path) as members:
        assert {one.name: one.path.read_bytes() for one in members} == {
            "people/net.pth": b"abc",
            "people/loss_log.txt": b"x" * 9000,
        }
        kept = members[0].path
    assert not kept.exists()


@pytest.mark.parametrize("name", ["../evil", "/etc/evil", "a/../../evil", "..\\evil", "C:/evil", "\\\\host\\evil"])
def test_a_member_that_climbs_out_is_refused(name: str, tmp_path: Path) -> None:
    path = zipped(tmp_path / "a.zip", {"good": b"1", name: b"2"})
    with pytest.raises(ModelMismatchError, match="outside the archive"), unpacked(path):
        pytest.fail("it was unpacked")
    assert [one.name for one in tmp_path.iterdir()] == ["a.zip"]


def test_a_link_is_refused(tmp_path: Path) -> None:
    link = zipfile.ZipInfo("link")
    link.external_attr = 0o120777 << 16
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr(link, "/etc/passwd")
    with pytest.raises(ModelMismatchError, match="is a link"), unpacked(tmp_path / "a.zip"):
        pytest.fail("it was unpacked")


def test_zip_bombs_are_refused_before_they_unfold(tmp_path: Path) -> None:
    path = zipped(tmp_path / "a.zip", {"bomb": bytes(1 << 24)})
    with pytest.raises(ModelMismatchError, match="zip bomb"), unpacked(path):
        pytest.fail("it was unpacked")
    path = zipped(tmp_path / "b.zip", {f"{number}": b"x" * 1000 for number in range(20)})
    with pytest.raises(ModelMismatchError, match="would unpack to 20000 bytes"), unpacked(path, total_limit=10_000):
        pytest.fail("it was unpacked")
    path = zipped(tmp_path / "c.zip", {f"{number}": b"" for number in range(2001)})
    with pytest.raises(ModelMismatchError, match="2001 files"), unpacked(path):
        pytest.fail("it was unpacked")


def test_a_member_that_is_longer_than_it_says_is_refused(tmp_path: Path) -> None:
    path = zipped(tmp_path / "a.zip", {"a": b"q" * 5000}, how=zipfile.ZIP_STORED)
    body = path.read_bytes().replace((5000).to_bytes(4, "little"), (50).to_bytes(4, "little"))
    path.write_bytes(body)
    with pytest.raises(ModelMismatchError), unpacked(path):
        pytest.fail("it was unpacked")


def test_a_broken_or_locked_archive_is_refused(tmp_path: Path) -> None:
    path = zipped(tmp_path / "a.zip", {"a": b"hello" * 100}, how=zipfile.ZIP_STORED)
    whole = path.read_bytes()
    path.write_bytes(whole.replace(b"hello", b"jello", 1))
    with pytest.raises(ModelMismatchError, match="CRC"), unpacked(path):
        pytest.fail("it was unpacked")
    locked = bytearray(whole)
    for header, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        locked[whole.index(header) + flags] |= 1
    path.write_bytes(bytes(locked))
    with pytest.raises(ModelMismatchError, match="password"), unpacked(path):
        pytest.fail("it was unpacked")
    with pytest.raises(MissingInputError), unpacked(tmp_path / "none.zip"):
        pytest.fail("it was unpacked")
    path.write_bytes(whole[:-30])
    with pytest.raises(ModelMismatchError, match="cut off"), unpacked(path):
        pytest.fail("it was unpacked")


def test_an_error_of_who_uses_the_members_stays_what_it_is(tmp_path: Path) -> None:
    path = zipped(tmp_path / "a.zip", {"a": b"1"})
    with pytest.raises(RuntimeError, match="mine"), unpacked(path):
        raise RuntimeError("mine")


def test_any_byte_changed_is_either_harmless_or_refused(tmp_path: Path) -> None:
    whole = zipped(tmp_path / "a.zip", {"people/net.pth": bytes(range(256)) * 9, "b": b"hello" * 30}).read_bytes()
    random = np.random.default_rng(7)
    refused = 0
    for number in range(400):
        body = bytearray(whole)
        for _ in range(1 + number % 4):
            body[int(random.integers(len(body)))] = int(random.integers(256))
        (tmp_path / "b.zip").write_bytes(bytes(body))
        try:
            with unpacked(tmp_path / "b.zip") as members:
                assert all(one.path.is_file() for one in members)
        except ModelMismatchError:
            refused += 1
    assert refused > 100
