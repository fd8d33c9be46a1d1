"""Identities that must not be used: refused before the plate is read, and the command in the message mends it."""

from __future__ import annotations

import json
import shlex
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.bad_days.conftest import CleanShot, Sitters
from tests.bad_days.staging import rendered, vfx
from vfx_swap.pipeline.consent import ConsentRecord, consent_from_record
from vfx_swap.pipeline.identity_file import load_identity, save_identity

RECORD: dict[str, Any] = {
    "schema": "vfx_swap/consent.1",
    "id": "c-1",
    "performer": {"name": "hopper"},
    "granted_by": {"name": "the estate", "kind": "estate"},
    "scope": {"text": "tests", "uses": ["any"]},
    "valid_from": "2020-01-01",
    "expires": "2999-12-31",
}
WRONG: dict[str, tuple[str, dict[str, Any] | None]] = {
    "none": ("ConsentMissingError", None),
    "expired": ("ConsentExpiredError", {"expires": "2020-12-31"}),
    "not yet": ("ConsentExpiredError", {"valid_from": "2999-01-01"}),
    "another use": ("ConsentScopeError", {"scope": {"text": "dubbing", "uses": ["dub"]}}),
    "another project": ("ConsentScopeError", {"scope": {"text": "sq99", "uses": ["any"], "projects": ["sq99_*"]}}),
    "to be replaced only": ("ConsentScopeError", {"direction": "performer"}),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_a_use_without_consent_is_exit_3_and_the_command_it_names_mends_it(
    sitters: Sitters, clean: CleanShot, tmp_path: Path, wrong: str
) -> None:
    kind, changes = WRONG[wrong]
    good = load_identity(sitters.hopper)
    record = None if changes is None else ConsentRecord.model_validate_json(json.dumps({**RECORD, **changes}))
    pack = tmp_path / "lead's pack.identity"
    save_identity(replace(good, consent=None if record is None else consent_from_record(record)), pack)
    first, out = clean.plate.replace("####", "0001"), tmp_path / "out" / "swap.exr"
    swap = ("swap", "--plate", first, "--out", out, "--identity", pack)

    refused = vfx(*swap)
    assert (refused.code, refused.last["kind"], refused.last["where"]) == (3, kind, str(pack))
    assert len(refused.events) == 1, "nothing was read of the plate"
    assert not out.parent.exists()

    words = shlex.split(refused.last["mend"].partition("vfx-swap ")[2])
    assert words[:3] == ["identity", "build", "hopper"]
    assert words[-2:] == ["--out", str(pack)]
    if wrong not in ("none", "another use"):  # one command by options and one by a record is tried
        return
    # The command as it stands, with the words in capitals filled in.
    (tmp_path / "new.json").write_text(json.dumps(RECORD), encoding="utf-8")
    filled = {
        "WHO": "the estate",
        "TEXT": "tests",
        "YYYY-MM-DD": "2999-12-31",
        "RECORD.json": str(tmp_path / "new.json"),
    }
    words = [word.replace("FOLDER/", f"{sitters.folder}/", 1) for word in words]
    assert vfx(*(filled.get(word, word) for word in words)).code == 0
    assert vfx(*swap).code == 0
    assert list(rendered(out.parent)) == ["swap.exr"]
