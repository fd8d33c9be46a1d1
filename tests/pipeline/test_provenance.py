"""Outputs that say what they are: signed, verified, spoiled in every way."""

from __future__ import annotations

import getpass
import json
import os
import re
import resource
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from tests.pipeline.c2pa_parts import (
    FACTS,
    FORMATS,
    HEADER,
    TODAY,
    certified,
    credential,
    drawn,
    exr_frame,
    flipped,
    needs_c2pa,
)
from vfx_swap.errors import (
    CannotRunError,
    ConsentRevokedError,
    ConsentSignatureError,
    MissingInputError,
    OutputError,
    UsageError,
    VfxSwapError,
)
from vfx_swap.pipeline.consent_files import new_record
from vfx_swap.pipeline.credentials import Credential
from vfx_swap.pipeline.ledger import append_usage
from vfx_swap.pipeline.provenance import COMPOSITE, sidecar_of, sign_file, verify_file
from vfx_swap.pipeline.provenance_facts import gather_facts
from vfx_swap.pipeline.signed_record import record_digest
from vfx_swap.settings.facility import ConsentPolicy, Facility, LedgerSettings

pytestmark = pytest.mark.provenance


@pytest.fixture(scope="module")
def signer(tmp_path_factory: pytest.TempPathFactory) -> tuple[Credential, str]:
    needs_c2pa()
    return credential(tmp_path_factory.mktemp("certificates"))


def pixels(path: Path) -> np.ndarray:
    if path.suffix in {".mp4", ".mov"}:
        import av

        with av.open(str(path)) as movie:
            return np.stack([frame.to_ndarray(format="rgb24") for frame in movie.decode(video=0)])
    from PIL import Image

    with Image.open(path) as picture:
        return np.asarray(picture).copy()


@pytest.mark.parametrize("suffix", FORMATS)
def test_a_signed_file_is_trusted_by_who_trusts_the_root(
    suffix: str, tmp_path: Path, signer: tuple[Credential, str]
) -> None:
    path, (signing, root) = drawn(tmp_path / f"frame{suffix}"), signer
    before = path.read_bytes()
    shown = None if suffix == ".exr" else pixels(path)
    assert verify_file(path, trust=root).state == "none"
    written = sign_file(path, credential=signing, facts=FACTS)
    found = verify_file(path, trust=root)
    assert (found.state, found.signer, found.codes) == ("trusted", "A Facility", ())
    assert found.made is not None
    assert found.made["consent_sha256"] == ["c0" * 32]
    if shown is None:
        assert written == tmp_path / "frame.exr.c2pa"
        assert path.read_bytes() == before
    else:
        assert written == path
        assert np.array_equal(pixels(path), shown)  # the manifest is added, the picture is as it was
    unknown = verify_file(path, trust=None)
    assert (unknown.state, unknown.codes) == ("unknown_signer", ("signingCredential.untrusted",))


@pytest.mark.parametrize("suffix", FORMATS)
def test_one_bit_of_the_picture_is_an_alteration(suffix: str, tmp_path: Path, signer: tuple[Credential, str]) -> None:
    path, (signing, root) = drawn(tmp_path / f"frame{suffix}"), signer
    plain = path.read_bytes()
    sign_file(path, credential=signing, facts=FACTS)
    piece = plain[len(plain) // 2 : len(plain) // 2 + 24]  # of the picture, wherever signing has moved it
    place = path.read_bytes().index(piece)
    flipped(path, place + 3)
    assert verify_file(path, trust=root).state == "altered"


def test_what_the_manifest_says_cannot_be_edited(tmp_path: Path, signer: tuple[Credential, str]) -> None:
    path, (signing, root) = drawn(tmp_path / "frame.png"), signer
    sign_file(path, credential=signing, facts=FACTS)
    data = path.read_bytes()
    path.write_bytes(data.replace(b"c0" * 32, b"c1" * 32))
    assert path.read_bytes() != data
    assert verify_file(path, trust=root).state == "altered"


def test_a_manifest_holds_for_its_own_file_alone(tmp_path: Path, signer: tuple[Credential, str]) -> None:
    (signing, root), one, other = signer, drawn(tmp_path / "1.exr", seed=1), drawn(tmp_path / "2.exr", seed=2)
    sign_file(one, credential=signing, facts=FACTS)
    shutil.copy(sidecar_of(one), sidecar_of(other))
    assert verify_file(one, trust=root).state == "trusted"
    assert verify_file(other, trust=root).state == "altered"


@pytest.mark.parametrize("spoil", [lambda data: b"", lambda data: data[:700], lambda data: b"no manifest at all"])
def test_a_damaged_sidecar_is_an_alteration(
    spoil: Callable[[bytes], bytes], tmp_path: Path, signer: tuple[Credential, str]
) -> None:
    path, (signing, root) = drawn(tmp_path / "frame.exr"), signer
    side = sign_file(path, credential=signing, facts=FACTS)
    side.write_bytes(spoil(side.read_bytes()))
    assert verify_file(path, trust=root).state == "altered"


def test_another_root_does_not_make_a_signer_trusted(tmp_path: Path, signer: tuple[Credential, str]) -> None:
    path = drawn(tmp_path / "frame.png")
    _, other = credential(tmp_path / "other")
    sign_file(path, credential=signer[0], facts=FACTS)
    assert verify_file(path, trust=other).state == "unknown_signer"


def test_it_is_said_to_be_a_composite_with_trained_media(tmp_path: Path, signer: tuple[Credential, str]) -> None:
    import c2pa

    path = drawn(tmp_path / "frame.png")
    sign_file(path, credential=signer[0], facts=FACTS)
    with c2pa.Reader(str(path)) as reader:
        active = reader.get_active_manifest()
    held = {one["label"]: one["data"] for one in active["assertions"]}
    (action,) = held["c2pa.actions.v2"]["actions"]
    assert (action["action"], action["digitalSourceType"]) == ("c2pa.created", COMPOSITE)
    assert action["softwareAgent"]["name"] == active["claim_generator_info"][0]["name"] == "vfx-swap"
    assert {one["use"] for one in held["cawg.training-mining"]["entries"].values()} == {"notAllowed"}
    assert not active.get("thumbnail")
    assert not active.get("ingredients")


@pytest.mark.parametrize("suffix", [".png", ".exr"])
def test_no_name_path_account_or_host_is_in_a_manifest(
    suffix: str, tmp_path: Path, signer: tuple[Credential, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("USER", "LOGNAME", "LNAME", "USERNAME"):
        monkeypatch.setenv(name, "account-of-ada")
    monkeypatch.setenv("HOME", "/home-of-ada")
    folder = tmp_path / "AdaExample"
    folder.mkdir()
    path = drawn(folder / f"ada_example_swap{suffix}")
    frame = exr_frame(folder / "AdaExample.1.exr", header=HEADER)
    facts = gather_facts([frame], facility=Facility(), today=TODAY)
    written = sign_file(path, credential=signer[0], facts=facts)
    data = written.read_bytes()
    assert b"cd" * 32 in data  # the consent's digest is in it
    words = {
        "ada_example",
        "AdaExample",
        "someone",
        str(tmp_path),
        os.getcwd(),
        "consent-1",
        "ef" * 32,
        "ab" * 32 + "/",
    }
    words |= {"account-of-ada", "home-of-ada"}
    words |= {name for name in [socket.gethostname()] if len(name) > 5}  # a shorter one may turn up by chance
    assert getpass.getuser() == "account-of-ada"
    for word in words:
        assert not re.search(re.escape(word).encode(), data, re.IGNORECASE), word


def test_the_header_of_a_frame_says_engine_models_and_consents(tmp_path: Path) -> None:
    frame = exr_frame(tmp_path / "a.exr", header=HEADER)
    assert gather_facts([frame], facility=Facility(), today=TODAY).said() | {"version": ""} == {
        "schema": "vfx_swap/provenance.1",
        "version": "",
        "consent_sha256": ["cd" * 32],
        "engines": ["reprojection"],
        "models": {"landmarks/model.task": "ab" * 32},
        "settings_digest": ["12" * 32],
    }


def test_nothing_is_signed_without_a_consent(tmp_path: Path) -> None:
    for header in ("", "[1]", "no json", '{"identities": 3}'):
        frame = exr_frame(tmp_path / "a.exr", header=header)
        with pytest.raises(UsageError, match="under whose consent"):
            gather_facts([frame], facility=Facility(), today=TODAY)


def test_nothing_is_signed_that_was_revoked(tmp_path: Path) -> None:
    frame = exr_frame(tmp_path / "a.exr", header=HEADER)
    strict = Facility(consent=ConsentPolicy(revocations=str(tmp_path / "there is no list.jws")))
    with pytest.raises(ConsentRevokedError):
        gather_facts([frame], facility=strict, today=TODAY)


def test_a_record_named_beside_and_the_ledger_s_end_are_in_it_as_digests(tmp_path: Path) -> None:
    record = tmp_path / "ada.json"
    made = new_record(record, performer="Ada Example", scope="A scene", expires=date(2099, 1, 1), today=TODAY)
    head = append_usage(tmp_path / "usage.jsonl", event="begun", uses=[])
    facility = Facility(ledger=LedgerSettings(file=str(tmp_path / "usage.jsonl")))
    said = gather_facts([], consents=[record], facility=facility, today=TODAY).said()
    assert (said["consent_sha256"], said["ledger_sha256"]) == ([record_digest(made.record_json)], head.sha256)
    assert "Ada" not in json.dumps(said)
    strict = Facility(consent=ConsentPolicy(policy="signed"))
    with pytest.raises(ConsentSignatureError):
        gather_facts([], consents=[record], facility=strict, today=TODAY)


def test_what_is_signed_is_not_signed_over(tmp_path: Path, signer: tuple[Credential, str]) -> None:
    signing, root = signer
    for path in (drawn(tmp_path / "a.png"), drawn(tmp_path / "a.exr")):
        written = sign_file(path, credential=signing, facts=FACTS)
        before = written.read_bytes()
        with pytest.raises(UsageError, match="already"):
            sign_file(path, credential=signing, facts=FACTS)
        assert written.read_bytes() == before
        sign_file(path, credential=signing, facts=FACTS, overwrite=True)
        assert written.read_bytes() != before
        assert verify_file(path, trust=root).state == "trusted"


def test_a_signed_copy_leaves_the_file_as_it_was(tmp_path: Path, signer: tuple[Credential, str]) -> None:
    path, copy = drawn(tmp_path / "a.png"), tmp_path / "new" / "b.png"
    before = path.read_bytes()
    assert sign_file(path, credential=signer[0], facts=FACTS, out=copy) == copy
    assert path.read_bytes() == before
    assert verify_file(copy, trust=signer[1]).state == "trusted"
    with pytest.raises(UsageError, match="another kind"):
        sign_file(path, credential=signer[0], facts=FACTS, out=tmp_path / "b.jpg")


def test_a_write_that_fails_leaves_the_file_as_it_was(tmp_path: Path, signer: tuple[Credential, str]) -> None:
    path = drawn(tmp_path / "a.png")
    before = path.read_bytes()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, limits[1]))
    try:
        with pytest.raises(OutputError, match="cannot write: File too large"):
            sign_file(path, credential=signer[0], facts=FACTS)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert path.read_bytes() == before
    assert [one.name for one in tmp_path.iterdir()] == ["a.png"]


def test_killed_while_signing_leaves_the_file_as_it_was(tmp_path: Path, signer: tuple[Credential, str]) -> None:
    path = drawn(tmp_path / "a.png")
    before = path.read_bytes()
    certificate, key, _ = certified(tmp_path / "c")
    code = (
        "import os, signal, sys\n"
        "from datetime import UTC, datetime\n"
        "from vfx_swap.pipeline import provenance\n"
        "from vfx_swap.pipeline.credentials import load_credential\n"
        "from tests.pipeline.c2pa_parts import FACTS\n"
        "signing = load_credential(sys.argv[2], sys.argv[3], now=datetime.now(UTC))\n"
        "written = provenance._Writing.write\n"
        "def killed(self, data):\n"
        "    written(self, data)\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
        "provenance._Writing.write = killed\n"
        "provenance.sign_file(sys.argv[1], credential=signing, facts=FACTS)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(path), str(certificate), str(key)], check=False)
    assert done.returncode == -9
    assert path.read_bytes() == before


def test_files_that_cannot_be_signed_are_named(tmp_path: Path, signer: tuple[Credential, str]) -> None:
    (tmp_path / "a.txt").write_text("text")
    (tmp_path / "a.png").write_text("no picture")
    with pytest.raises(UsageError, match="of a kind that cannot be signed"):
        sign_file(tmp_path / "a.txt", credential=signer[0], facts=FACTS)
    with pytest.raises(MissingInputError):
        sign_file(tmp_path / "b.png", credential=signer[0], facts=FACTS)
    with pytest.raises(VfxSwapError):
        sign_file(tmp_path / "a.png", credential=signer[0], facts=FACTS, overwrite=True)
    assert (tmp_path / "a.png").read_text() == "no picture"


def test_without_c2pa_the_error_says_how_to_install_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, signer: tuple[Credential, str]
) -> None:
    monkeypatch.setitem(sys.modules, "c2pa", None)
    with pytest.raises(CannotRunError, match="scripts/setup --provenance"):
        verify_file(drawn(tmp_path / "a.png"), trust=None)
