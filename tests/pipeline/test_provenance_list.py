"""Sequences signed as one, or frame by frame."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.pipeline.c2pa_parts import (
    FACTS,
    HEADER,
    TODAY,
    credential,
    drawn,
    exr_frame,
    flipped,
    needs_c2pa,
)
from vfx_swap.errors import (
    MissingInputError,
    UsageError,
)
from vfx_swap.io.paths import FramePattern
from vfx_swap.pipeline.credentials import Credential
from vfx_swap.pipeline.provenance import SIDECAR, sidecar_of, sign_file
from vfx_swap.pipeline.provenance_list import list_of
from vfx_swap.pipeline.provenance_run import sign_outputs, verify_outputs
from vfx_swap.settings.facility import Facility

pytestmark = pytest.mark.provenance


@pytest.fixture(scope="module")
def signer(tmp_path_factory: pytest.TempPathFactory) -> tuple[Credential, str]:
    needs_c2pa()
    return credential(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
def sequence(tmp_path: Path) -> str:
    for frame in range(1001, 1005):
        exr_frame(tmp_path / f"shot.{frame}.exr", seed=frame, header=HEADER)
    return str(tmp_path / "shot.####.exr")


def test_a_sequence_is_signed_as_one(sequence: str, tmp_path: Path, signer: tuple[Credential, str]) -> None:
    signing, root = signer
    (written,) = sign_outputs([sequence], credential=signing, facility=Facility(), today=TODAY)
    assert written == tmp_path / "shot.provenance.json"
    assert b"shot" not in written.read_bytes().replace(b"vfx_swap", b"")  # no file's name stands in it
    (found,) = verify_outputs([sequence], trust=root)
    assert (found.state, found.missing, found.added, found.changed) == ("trusted", (), (), ())
    assert found.made is not None
    assert (found.made["consent_sha256"], found.made["settings_digest"]) == (["cd" * 32], [])
    with pytest.raises(UsageError, match="already"):
        list(sign_outputs([sequence], credential=signing, facility=Facility(), today=TODAY))


def test_frames_missing_added_and_altered_are_named(
    sequence: str, tmp_path: Path, signer: tuple[Credential, str]
) -> None:
    signing, root = signer
    list(sign_outputs([sequence], credential=signing, facility=Facility(), today=TODAY))
    flipped(tmp_path / "shot.1002.exr", -5)
    (tmp_path / "shot.1003.exr").unlink()
    exr_frame(tmp_path / "shot.1009.exr")
    (found,) = verify_outputs([sequence], trust=root)
    assert (found.state, found.changed) == ("altered", ("shot.1002.exr",))
    assert (found.missing, found.added) == (("shot.1003.exr",), ("shot.1009.exr",))
    (stranger,) = verify_outputs([sequence], trust=None)
    assert stranger.state == "altered"


@pytest.mark.parametrize("what", ["changed", "missing", "added"])
def test_one_frame_that_is_not_as_signed_is_enough(
    what: str, sequence: str, tmp_path: Path, signer: tuple[Credential, str]
) -> None:
    signing, root = signer
    list(sign_outputs([sequence], credential=signing, facility=Facility(), today=TODAY))
    if what == "changed":
        flipped(tmp_path / "shot.1004.exr", -5)
    elif what == "missing":
        (tmp_path / "shot.1004.exr").unlink()
    else:
        exr_frame(tmp_path / "shot.1005.exr")
    (found,) = verify_outputs([sequence], trust=root)
    assert found.state == "altered"
    assert [name for name in ("changed", "missing", "added") if getattr(found, name)] == [what]


def test_a_list_that_was_edited_or_lost_its_manifest_counts_for_nothing(
    sequence: str, tmp_path: Path, signer: tuple[Credential, str]
) -> None:
    signing, root = signer
    (written,) = sign_outputs([sequence], credential=signing, facility=Facility(), today=TODAY)
    whole = written.read_bytes()
    written.write_bytes(whole.replace(b"1004", b"1005"))
    (tmp_path / "shot.1004.exr").rename(tmp_path / "shot.1005.exr")
    assert [one.state for one in verify_outputs([sequence], trust=root)] == ["altered"]
    written.write_bytes(whole)
    sidecar_of(written).unlink()
    assert [one.state for one in verify_outputs([sequence], trust=root)] == ["none"]
    list_of(FramePattern.parse(sequence)).unlink()
    assert [one.state for one in verify_outputs([sequence], trust=root)] == ["none"] * 4


def test_a_signed_file_that_is_no_list_is_no_list(
    sequence: str, tmp_path: Path, signer: tuple[Credential, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    signing, root = signer
    monkeypatch.setitem(SIDECAR, ".json", "application/json")
    written = list_of(FramePattern.parse(sequence))
    for text in ('{"frames": []}', "[]", '{"schema": "vfx_swap/signed_frames.1", "frames": [{"frame": "1001"}]}'):
        written.write_text(text)
        sign_file(written, credential=signing, facts=FACTS, overwrite=True)
        assert [one.state for one in verify_outputs([sequence], trust=root)] == ["altered"]


def test_each_frame_may_have_a_manifest_of_its_own(
    sequence: str, tmp_path: Path, signer: tuple[Credential, str]
) -> None:
    signing, root = signer
    written = list(sign_outputs([sequence], credential=signing, facility=Facility(), today=TODAY, each=True))
    assert [one.name for one in written] == [f"shot.{frame}.exr.c2pa" for frame in range(1001, 1005)]
    flipped(tmp_path / "shot.1002.exr", -5)
    found = [one.state for one in verify_outputs([sequence], trust=root)]
    assert found == ["trusted", "altered", "trusted", "trusted"]


def test_a_movie_takes_what_it_is_made_of_from_a_frame(
    sequence: str, tmp_path: Path, signer: tuple[Credential, str]
) -> None:
    signing, root = signer
    movie = drawn(tmp_path / "shot.mov")
    with pytest.raises(UsageError, match="--like"):
        list(sign_outputs([str(movie)], credential=signing, facility=Facility(), today=TODAY))
    frame = tmp_path / "shot.1001.exr"
    list(sign_outputs([str(movie)], credential=signing, facility=Facility(), today=TODAY, like=[frame]))
    (found,) = verify_outputs([str(movie)], trust=root)
    assert found.made is not None
    assert (found.state, found.made["consent_sha256"]) == ("trusted", ["cd" * 32])
    with pytest.raises(MissingInputError, match="no frames"):
        list(verify_outputs([str(tmp_path / "other.####.exr")], trust=root))
    with pytest.raises(UsageError, match="--out"):
        list(sign_outputs([sequence], credential=signing, facility=Facility(), today=TODAY, out=tmp_path / "x.exr"))
