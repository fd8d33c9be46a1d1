"""Signed consent: whose signatures count, what was altered or revoked, and a ledger in which nothing can be changed."""

from __future__ import annotations

import base64
import json
import multiprocessing
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.pipeline.shot_fakes import TODAY, make_identity, make_shot, render
from vfx_swap.errors import (
    ConsentRevokedError,
    ConsentSignatureError,
    InputError,
    OutputError,
    RefusedError,
    SettingsError,
    VerificationError,
)
from vfx_swap.pipeline.consent import check_consent
from vfx_swap.pipeline.consent_files import new_record, record_of, sign_file, verify_record
from vfx_swap.pipeline.identity_file import load_identity
from vfx_swap.pipeline.jws import JwsError, canonical, decode, encode, open_general, thumbprint, verify_bytes
from vfx_swap.pipeline.ledger import Head, append_usage, verify_ledger
from vfx_swap.pipeline.revocations import revoke
from vfx_swap.pipeline.signing_keys import SigningKey, load_key, new_key
from vfx_swap.settings.facility import FACILITY_VARIABLE, Role, load_facility

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
RFC_8037_X = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"
"""Public key of RFC 8037, appendix A.2."""


class Desk:
    """A facility: keys by role, its file, a record to be signed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        roles: tuple[Role, ...] = ("performer", "facility", "studio")
        self.keys: dict[str, SigningKey] = {role: new_key(folder / f"{role}.key", role=role) for role in roles}
        self.file = folder / "facility.toml"
        self.write()
        self.record = folder / "ada.json"
        new_record(
            self.record, performer="Ada Example", scope="tests", expires=date(2099, 1, 1), today=date(2026, 1, 1)
        )

    def write(self, consent: str = "", rest: str = "") -> None:
        """The facility file."""
        people = {"performer": 'people = ["Ada Example"]'}
        keys = "".join(
            f'[[key]]\nrole = "{role}"\nx = "{key.x}"\n{people.get(role, "")}\n' for role, key in self.keys.items()
        )
        head = 'schema = "vfx_swap/facility.1"\n[consent]\npolicy = "signed"\n'
        self.file.write_text(f"{head}{consent}\n{rest}\n{keys}", encoding="utf-8")

    def signed(self, *roles: str) -> Path:
        """The record, signed."""
        out = self.folder / "ada.jws"
        out.unlink(missing_ok=True)
        for number, role in enumerate(roles):
            sign_file(out if number else self.record, key=self.keys[role], out=out)
        return out

    def verify(self, file: Path, *, today: date = TODAY) -> None:
        """As `vfx-swap consent verify`."""
        verify_record(record_of(file), facility=load_facility(self.file), today=today, where=file)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def edited(file: Path, old: bytes, new: bytes) -> Path:
    """The signed file with its payload changed."""
    held = json.loads(file.read_text())
    payload = base64.urlsafe_b64decode(held["payload"] + "==")
    assert old in payload
    held["payload"] = base64.urlsafe_b64encode(payload.replace(old, new)).rstrip(b"=").decode()
    file.write_text(json.dumps(held))
    return file


def test_both_signatures_are_asked_for_and_each_by_its_own_role(desk: Desk) -> None:
    desk.verify(desk.signed("performer", "facility"))
    for roles in (("performer",), ("facility",), ("studio", "facility")):
        with pytest.raises(ConsentSignatureError, match="is not signed by the"):
            desk.verify(desk.signed(*roles))
    with pytest.raises(ConsentSignatureError, match="nobody signed it"):
        desk.verify(desk.record)


def test_a_performers_key_signs_for_its_own_people_only(desk: Desk, tmp_path: Path) -> None:
    other = tmp_path / "other.json"
    new_record(other, performer="Bo Other", scope="tests", expires=date(2099, 1, 1), today=date(2026, 1, 1))
    sign_file(other, key=desk.keys["performer"], out=tmp_path / "other.jws")
    sign_file(tmp_path / "other.jws", key=desk.keys["facility"], out=tmp_path / "other.jws")
    with pytest.raises(ConsentSignatureError, match="performer"):
        desk.verify(tmp_path / "other.jws")


def test_an_edited_record_is_refused_whatever_the_policy(desk: Desk) -> None:
    file = edited(desk.signed("performer", "facility"), b"2099-01-01", b"2199-01-01")
    with pytest.raises(ConsentSignatureError, match="changed after it was signed"):
        record_of(file)
    with pytest.raises(ConsentSignatureError, match="changed after it was signed"):
        sign_file(file, key=desk.keys["studio"], out=desk.folder / "more.jws")


def test_a_signature_that_is_taken_out_or_a_key_that_ran_out_does_not_count(desk: Desk) -> None:
    file = desk.signed("performer", "facility")
    held = json.loads(file.read_text())
    file.write_text(json.dumps({**held, "signatures": held["signatures"][1:]}))
    with pytest.raises(ConsentSignatureError, match="performer"):
        desk.verify(file)
    text = desk.file.read_text()
    desk.file.write_text(text.replace('role = "facility"', 'role = "facility"\nuntil = 2026-05-31'))
    with pytest.raises(ConsentSignatureError, match="facility"):
        desk.verify(desk.signed("performer", "facility"))


def test_revoked_is_refused_from_its_day_and_a_list_must_be_good(desk: Desk) -> None:
    file, listed = desk.signed("performer", "facility"), desk.folder / "revoked.jws"
    desk.write('revocations = "revoked.jws"\nlist_days = 30')
    facility = load_facility(desk.file)
    with pytest.raises(ConsentRevokedError, match="is not there"):
        desk.verify(file)
    revoke({}, path=listed, key=desk.keys["facility"], facility=facility, now=NOW)
    desk.verify(file)
    with pytest.raises(ConsentRevokedError, match="older than 30 days"):
        desk.verify(file, today=date(2026, 7, 2))
    made = revoke(
        {record_of(file).id: date(2026, 6, 2)}, path=listed, key=desk.keys["facility"], facility=facility, now=NOW
    )
    assert made.number == 2
    desk.verify(file)
    with pytest.raises(ConsentRevokedError, match="was revoked on 2026-06-02"):
        desk.verify(file, today=date(2026, 6, 2))
    edited(listed, record_of(file).id.encode(), b"another-id")
    with pytest.raises(ConsentRevokedError, match="changed after it was signed"):
        desk.verify(file)


def test_a_list_that_a_key_of_another_role_signed_is_not_believed(desk: Desk) -> None:
    desk.write('revocations = "revoked.jws"')
    facility = load_facility(desk.file)
    revoke({}, path=desk.folder / "revoked.jws", key=desk.keys["studio"], facility=facility, now=NOW)
    with pytest.raises(ConsentRevokedError, match="a key that may not sign it"):
        desk.verify(desk.signed("performer", "facility"))


def test_a_pack_carries_its_signatures_and_the_machines_policy_holds_for_every_use(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    signed = make_identity(tmp_path / "lead.identity", consent=record_of(desk.signed("performer", "facility")))
    bare = make_identity(tmp_path / "bare.identity", consent=record_of(desk.record))
    for pack in (signed, bare):
        check_consent(load_identity(pack), today=TODAY)
    monkeypatch.setenv(FACILITY_VARIABLE, str(desk.file))
    check_consent(load_identity(signed), today=TODAY)
    with pytest.raises(ConsentSignatureError):
        check_consent(load_identity(bare), today=TODAY)
    sign_file(bare, key=desk.keys["performer"])
    sign_file(bare, key=desk.keys["facility"])
    check_consent(load_identity(bare), today=TODAY)


def test_renders_and_refusals_are_put_on_record_before_anything_is_done(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = tmp_path / "kept" / "usage.jsonl"
    desk.write(rest='[ledger]\nfile = "kept/usage.jsonl"')
    monkeypatch.setenv(FACILITY_VARIABLE, str(desk.file))
    shot = make_shot(tmp_path / "show")
    with pytest.raises(ConsentSignatureError):
        render(shot)
    make_identity(Path(shot.cast[0].identity), consent=record_of(desk.signed("performer", "facility")))
    render(shot, frames=[2, 3])
    lines = [json.loads(line) for line in ledger.read_text().splitlines()]
    assert [(one["event"], one["frames"]) for one in lines] == [("refused", ""), ("begun", "2-3"), ("rendered", "2-3")]
    assert lines[0]["reason"] == "ConsentSignatureError"
    assert lines[1]["uses"][0]["consent_id"] == record_of(desk.record).id
    assert "Ada" not in ledger.read_text()
    assert verify_ledger(ledger).number == 3
    ledger.unlink()
    ledger.mkdir()
    written = shot.output.replace("####", "0004")
    with pytest.raises(OutputError):
        render(shot, frames=[4])
    assert not Path(written).exists()


def lines_of(count: int, path: Path) -> list[Head]:
    return [append_usage(path, event="begun", uses=[], shot=f"sh{n}", frames="1-2", now=NOW) for n in range(count)]


CHANGES: dict[str, Callable[[list[str]], list[str]]] = {
    "changed": lambda lines: [lines[0], lines[1].replace("sh1", "sh9"), *lines[2:]],
    "taken out": lambda lines: [lines[0], *lines[2:]],
    "moved": lambda lines: [lines[1], lines[0], *lines[2:]],
    "doubled": lambda lines: [lines[0], *lines],
    "cut off": lambda lines: lines[:-1],
    "nonsense": lambda lines: [*lines, "{}\n"],
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_ledger_is_told(change: str, tmp_path: Path) -> None:
    path = tmp_path / "usage.jsonl"
    heads = lines_of(4, path)
    assert verify_ledger(path, known=heads) == heads[-1]
    path.write_text("".join(CHANGES[change](path.read_text().splitlines(keepends=True))))
    with pytest.raises(VerificationError):
        verify_ledger(path)


def test_lines_taken_off_with_the_head_are_told_by_a_head_noted_elsewhere(tmp_path: Path) -> None:
    path = tmp_path / "usage.jsonl"
    noted = str(lines_of(4, path)[-1])
    kept = path.read_text().splitlines(keepends=True)[:2]
    for file in tmp_path.iterdir():
        file.unlink()
    lines_of(2, path)
    assert path.read_text().splitlines(keepends=True) == kept
    verify_ledger(path)
    with pytest.raises(VerificationError):
        verify_ledger(path, known=[Head.parse(noted)])


def _append_some(path: Path) -> None:
    lines_of(8, path)


def test_workers_that_write_at_once_keep_the_chain(tmp_path: Path) -> None:
    path = tmp_path / "usage.jsonl"
    workers = [multiprocessing.get_context("spawn").Process(target=_append_some, args=(path,)) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert verify_ledger(path).number == 24


def test_keys_are_private_and_never_written_over(tmp_path: Path) -> None:
    made = new_key(tmp_path / "a.key", role="facility")
    assert (tmp_path / "a.key").stat().st_mode & 0o777 == 0o600
    assert load_key(tmp_path / "a.key").kid == made.kid
    with pytest.raises(OutputError):
        new_key(tmp_path / "a.key", role="facility")
    (tmp_path / "a.key").chmod(0o644)
    with pytest.raises(InputError, match="others"):
        load_key(tmp_path / "a.key")


def test_the_vectors_of_rfc_8037_and_8785() -> None:
    """RFC 8037, appendix A.3 (thumbprint) and A.4 (signature); RFC 8785, section 3.2.2 in part and 3.2.3 (order)."""
    assert thumbprint(RFC_8037_X) == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"
    message = b"eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc"
    signature = "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"
    verify_bytes(RFC_8037_X, message, decode(signature))
    with pytest.raises(JwsError):
        verify_bytes(RFC_8037_X, message + b"x", decode(signature))
    order = {"\u20ac": 1, "\r": 2, "\ufb33": 3, "1": 4, "\U0001f600": 5, "\x80": 6, "\xf6": 7}
    assert list(json.loads(canonical(order)).values()) == [2, 4, 6, 7, 1, 5, 3]
    assert canonical([333333333.33333329, 1e30, 4.50, 2e-3]) == b"[333333333.3333333,1e+30,4.5,0.002]"


@pytest.mark.parametrize(
    "text",
    [
        "{}",
        "[]",
        '{"payload": "e30", "signatures": []}',
        '{"payload": "e30=", "signatures": [{"protected": "e30", "signature": "e30"}]}',
        '{"payload": "e30", "signatures": [{"protected": "e30", "signature": "e30", "header": {}}]}',
        '{"payload": "e30", "payload": "e30", "signatures": [{"protected": "e30", "signature": "e30"}]}',
        '{"payload": "eyAgfQ", "signatures": [{"protected": "e30", "signature": "e30"}]}',
    ],
)
def test_what_is_not_strictly_a_signed_file_is_none(text: str) -> None:
    with pytest.raises(JwsError):
        open_general(text)


@given(st.binary(max_size=64))
def test_base64url_has_one_form(data: bytes) -> None:
    assert decode(encode(data)) == data
    with pytest.raises(JwsError):
        decode(encode(data) + "=")


@given(st.recursive(st.none() | st.booleans() | st.text() | st.integers(), lambda inner: st.lists(inner, max_size=3)
                    | st.dictionaries(st.text(), inner, max_size=3), max_leaves=8))  # fmt: skip
def test_no_json_takes_the_reader_down(value: object) -> None:
    for text in (json.dumps(value), json.dumps({"payload": value, "signatures": [value]})):
        try:
            open_general(text)
        except JwsError:
            continue


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("", "schema"),
        ('schema = "vfx_swap/facility.1"\n[consent]\npolicy = "strict"', "policy"),
        ('schema = "vfx_swap/facility.1"\n[[key]]\nrole = "performer"\nx = "' + RFC_8037_X + '"', "people"),
        ('schema = "vfx_swap/facility.1"\nledgers = 1', "ledgers"),
    ],
)
def test_a_facility_file_that_is_wrong_is_told_by_key(text: str, key: str, tmp_path: Path) -> None:
    file = tmp_path / "facility.toml"
    file.write_text(text)
    with pytest.raises(SettingsError, match=key):
        load_facility(file)


def test_a_facility_file_that_is_named_and_gone_refuses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(FACILITY_VARIABLE, str(tmp_path / "gone.toml"))
    pack = make_identity(tmp_path / "who.identity")
    with pytest.raises((InputError, RefusedError)):
        check_consent(load_identity(pack), today=TODAY)
