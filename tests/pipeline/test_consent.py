from __future__ import annotations

import hashlib
import json
import shlex
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vfx_swap.errors import (
    ConsentExpiredError,
    ConsentMissingError,
    ConsentScopeError,
    MissingInputError,
    RefusedError,
    SettingsError,
    UsageError,
)
from vfx_swap.pipeline.consent import (
    check_consent,
    consent_from_file,
    consent_from_options,
    consent_usage,
    public_domain_consent,
)
from vfx_swap.types import Consent, Identity, Pose, Reference, SkinTexture

FIRST, LAST = date(2026, 3, 1), date(2026, 9, 30)
RECORD: dict[str, Any] = {
    "schema": "vfx_swap/consent.1",
    "id": "c-0042",
    "performer": {"name": "Ada Example"},
    "granted_by": {"name": "Ada Example", "kind": "self"},
    "scope": {"text": "Face replacement on the stunt double in sq010"},
    "valid_from": "2026-03-01",
    "expires": "2026-09-30",
}


def write(folder: Path, changes: dict[str, Any] | None = None, *, without: str = "") -> Path:
    record = {key: value for key, value in {**RECORD, **(changes or {})}.items() if key != without}
    path = folder / "consent.json"
    path.write_text(json.dumps(record))
    return path


def identity_with(consent: Consent | None) -> Identity:
    texture = SkinTexture(
        rgb=np.ones((2, 2, 3), np.float32), weight=np.ones((2, 2), np.float32), skin_colour=np.ones(3, np.float32)
    )
    return Identity(name="lead", references=(), texture=texture, embeddings={}, consent=consent, sha256="")


def test_a_short_record_is_read(tmp_path: Path) -> None:
    consent = consent_from_file(write(tmp_path))
    assert (consent.id, consent.granted_by, consent.uses, consent.projects) == ("c-0042", "Ada Example", ("any",), ())
    assert (consent.valid_from, consent.expires) == (FIRST, LAST)
    assert json.loads(consent.record_json) == RECORD


def test_a_full_record_travels_whole(tmp_path: Path) -> None:
    full = {
        "version": 2,
        "supersedes": "c-0041",
        "performer": {"name": "Ada Example", "id": "p-7", "union": "SAG-AFTRA", "minor": True, "deceased": False},
        "replica_kind": "employment_based",
        "granted_by": {"name": "Grace Example", "kind": "guardian", "authority_sha256": "0" * 64},
        "represented_by": "counsel",
        "grantee": "A Company",
        "scope": {
            "text": "…",
            "uses": ["stunt", "de_age"],
            "projects": ["sq010_*"],
            "media": ["theatrical"],
            "territories": ["world"],
            "nudity_allowed": False,
            "violence_allowed": True,
            "max_duration_seconds": 90,
        },
        "direction": "both",
        "assets_sha256": ["1" * 64],
        "training": {"allowed": True, "models": ["simswap-224"]},
        "derived_models": ["lead-224"],
        "delete_derived_models": True,
        "revocation_list": "https://example.org/revoked.jws",
        "notice_given_at": "2026-02-01T09:00:00Z",
        "signed_at": "2026-02-10T10:00:00Z",
        "compensation_reference": "r-1",
        "approvals": [{"by": "Studio", "reference": "a-1"}],
        "evidence_sha256": "2" * 64,
    }
    consent = consent_from_file(write(tmp_path, full))
    assert json.loads(consent.record_json) == {**RECORD, **full}
    assert consent.uses == ("stunt", "de_age")
    assert consent.projects == ("sq010_*",)


def test_toml_gives_the_same_record_as_json(tmp_path: Path) -> None:
    toml = tmp_path / "consent.toml"
    toml.write_text(
        'schema = "vfx_swap/consent.1"\nid = "c-0042"\nvalid_from = 2026-03-01\nexpires = "2026-09-30"\n'
        'performer.name = "Ada Example"\ngranted_by = {kind = "self", name = "Ada Example"}\n'
        '[scope]\ntext = "Face replacement on the stunt double in sq010"\n'
    )
    assert consent_from_file(toml).record_json == consent_from_file(write(tmp_path)).record_json


@pytest.mark.parametrize("key", sorted(RECORD))
def test_what_is_required_is_required(tmp_path: Path, key: str) -> None:
    with pytest.raises(SettingsError) as caught:
        consent_from_file(write(tmp_path, without=key))
    assert [problem.key for problem in caught.value.problems] == [key]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"schema": "vfx_swap/consent.2"}, "schema"),
        ({"id": "Ada Example"}, "id"),
        ({"id": ""}, "id"),
        ({"nickname": "A"}, "nickname"),
        ({"scope": {"text": "  "}}, "scope.text"),
        ({"scope": {"text": "x", "uses": []}}, "scope.uses"),
        ({"scope": {"text": "x", "uses": ["anything"]}}, "scope.uses.0"),
        ({"expires": "2026-02-30"}, "expires"),
        ({"expires": "2026-02-28"}, "expires 2026-02-28 before it is valid from 2026-03-01"),
        ({"expires": 20260930}, "expires"),
        ({"evidence_sha256": "abc"}, "evidence_sha256"),
        ({"performer": {"name": "A", "minor": True}}, "the performer is a minor"),
        ({"performer": {"name": "A", "deceased": True}}, "the performer is deceased"),
    ],
)
def test_a_wrong_record_is_refused_by_key(tmp_path: Path, changes: dict[str, Any], words: str) -> None:
    with pytest.raises(SettingsError) as caught:
        consent_from_file(write(tmp_path, changes))
    assert words in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"\xff", b"[1]", b"{", b"[" * 100000, b" " * (1 << 21)])
def test_a_file_that_is_no_record(tmp_path: Path, content: bytes) -> None:
    for name in ("consent.json", "consent.toml"):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(SettingsError):
            consent_from_file(tmp_path / name)
    with pytest.raises(SettingsError):
        consent_from_file(tmp_path)
    with pytest.raises(MissingInputError):
        consent_from_file(tmp_path / "no.json")


def test_options_make_a_record_that_holds_from_today() -> None:
    consent = consent_from_options(
        who="Producer X", scope="sq010 only", expires="2026-09-30", performer="lead", valid_from=FIRST
    )
    assert (consent.granted_by, consent.scope, consent.uses) == ("Producer X", "sq010 only", ("any",))
    assert (consent.valid_from, consent.expires) == (FIRST, LAST)
    assert "Producer" not in consent.id
    again = consent_from_options(who="Producer X", scope="sq010 only", expires=LAST, performer="lead", valid_from=FIRST)
    assert again == consent


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"who": " "}, "--consented-by is empty"),
        ({"scope": ""}, "--scope is empty"),
        ({"expires": "next year"}, "not a date"),
        ({"expires": "30.09.2026"}, "not a date"),
        ({"expires": "2026-02-28"}, "in the past"),
    ],
)
def test_options_that_make_no_record(change: dict[str, str], words: str) -> None:
    options: dict[str, Any] = {"who": "X", "scope": "s", "expires": "2026-09-30", "performer": "p", "valid_from": FIRST}
    with pytest.raises(UsageError, match=words):
        consent_from_options(**{**options, **change})


@pytest.fixture
def lead(tmp_path: Path) -> Identity:
    scope = {"text": "stunts", "uses": ["face_replacement", "stunt"], "projects": ["sq010_*", "The Film"]}
    return identity_with(consent_from_file(write(tmp_path, {"scope": scope})))


def test_the_first_and_the_last_day_hold_and_their_neighbours_do_not(lead: Identity) -> None:
    day = timedelta(days=1)
    for today in (FIRST, FIRST + day, LAST - day, LAST):
        check_consent(lead, today=today, shot_name="sq010_sh0020", project="", use="stunt")
    for today in (FIRST - day, LAST + day):
        with pytest.raises(ConsentExpiredError, match=f"today is {today}"):
            check_consent(lead, today=today, shot_name="sq010_sh0020", project="", use="stunt")


def test_no_record_no_use() -> None:
    with pytest.raises(ConsentMissingError, match=r"vfx-swap identity build lead .*--consented-by WHO"):
        check_consent(identity_with(None), today=FIRST)


def test_a_project_or_a_shot_by_pattern_is_enough(lead: Identity) -> None:
    check_consent(lead, today=FIRST, shot_name="sq010_sh0020", project="Another")
    check_consent(lead, today=FIRST, shot_name="sq999", project="The Film")
    for shot_name, project in (("sq011_sh0020", ""), ("", ""), ("SQ010_x", "the film"), ("xsq010_", "")):
        with pytest.raises(ConsentScopeError, match="limited to sq010_"):
            check_consent(lead, today=FIRST, shot_name=shot_name, project=project)


def test_another_use_is_refused(lead: Identity) -> None:
    with pytest.raises(ConsentScopeError, match="covers face_replacement, stunt, not de_age"):
        check_consent(lead, today=FIRST, shot_name="sq010_a", project="", use="de_age")


def test_any_use_and_no_projects_allow_all(tmp_path: Path) -> None:
    free = identity_with(consent_from_file(write(tmp_path)))
    check_consent(free, today=FIRST, shot_name="x", project="y", use="dub")
    check_consent(free, today=FIRST)


def test_consent_to_be_replaced_is_not_consent_to_replace(tmp_path: Path) -> None:
    for direction, allowed in (("identity", True), ("both", True), ("performer", False)):
        identity = identity_with(consent_from_file(write(tmp_path, {"direction": direction})))
        if allowed:
            check_consent(identity, today=FIRST)
        else:
            with pytest.raises(ConsentScopeError, match="to be replaced"):
                check_consent(identity, today=FIRST)


def test_the_mend_is_a_command_that_a_shell_takes(lead: Identity) -> None:
    with pytest.raises(RefusedError) as caught:
        check_consent(replace(lead, name="it's; rm -rf"), today=LAST + timedelta(days=1), pack="a folder/x.identity")
    assert caught.value.exit_code == 3
    assert caught.value.mend is not None
    words = shlex.split(caught.value.mend.partition(": ")[2])
    assert words[:4] == ["vfx-swap", "identity", "build", "it's; rm -rf"]
    assert words[-2:] == ["--out", "a folder/x.identity"]


def test_the_mend_says_where_the_photographs_are(
    lead: Identity, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pack holds the names of its photographs alone: the command must not name files that are not there."""
    monkeypatch.chdir(tmp_path)
    (beside := tmp_path / "packs").mkdir()
    points, weights = np.zeros((478, 3), np.float32), np.zeros(52, np.float32)
    digest = hashlib.sha256(b"1").hexdigest()
    here = Reference(np.zeros((2, 2, 3), np.float32), points, weights, Pose(0.0, 0.0, 0.0), "here.png", digest)
    (tmp_path / "here.png").write_bytes(b"1")
    near = replace(here, source="../near.png", sha256=hashlib.sha256(b"2").hexdigest())
    (beside / "near.png").write_bytes(b"2")
    other = replace(here, source="other.png", sha256=hashlib.sha256(b"3").hexdigest())
    (tmp_path / "other.png").write_bytes(b"another picture of that name")
    gone = replace(here, source="n" * 300)
    identity = replace(lead, references=(here, near, other, gone))
    with pytest.raises(ConsentExpiredError) as caught:
        check_consent(identity, today=LAST + timedelta(days=1), pack=beside / "x.identity")
    words = shlex.split((caught.value.mend or "").partition(": ")[2])
    named = [words[at + 1] for at, word in enumerate(words) if word == "--reference"]
    assert named == ["here.png", str(beside / "near.png"), "FOLDER/other.png", f"FOLDER/{'n' * 300}"]


def test_the_log_names_the_record_and_nobody(lead: Identity) -> None:
    assert lead.consent is not None
    usage = consent_usage(lead)
    assert usage == {
        "consent_id": "c-0042",
        "consent_sha256": hashlib.sha256(lead.consent.record_json.encode()).hexdigest(),
    }
    assert "Ada" not in str(usage)
    assert consent_usage(identity_with(None)) == {"consent_id": "", "consent_sha256": ""}


def test_the_public_domain_record_covers_the_demo_only() -> None:
    consent = public_domain_consent(performer="Grace Hopper", statement="US Navy portrait, in the public domain")
    identity = identity_with(consent)
    check_consent(identity, today=date(2026, 1, 1), use="demo")
    check_consent(identity, today=date(2026, 1, 1))
    with pytest.raises(ConsentScopeError):
        check_consent(identity, today=date(2026, 1, 1), use="dub")


KEYS = st.sampled_from([*RECORD, "name", "text", "kind"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.dictionaries(KEYS, inner, max_size=4) | st.lists(inner, max_size=3),
)


@given(text=st.text(max_size=200) | VALUES.map(json.dumps))
@settings(max_examples=150, deadline=None)
def test_no_file_gets_past_the_documented_errors(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    path = tmp_path_factory.getbasetemp() / "hostile-consent.json"
    path.write_text(text, encoding="utf-8", errors="replace")
    with pytest.raises(SettingsError):
        consent_from_file(path)
