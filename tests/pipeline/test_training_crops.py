"""Whom training may use: the record decides, before any picture is opened."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from vfx_swap.errors import ConsentExpiredError, ConsentScopeError
from vfx_swap.pipeline.consent import consent_from_file
from vfx_swap.pipeline.training_crops import check_training_consent

TODAY = date(2026, 6, 1)


def _check(path: Path, *, today: date = TODAY, model: str = "", **more: Any) -> None:
    record = {
        "schema": "vfx_swap/consent.1", "id": "c-1", "performer": {"name": "N"}, "granted_by": {"name": "N"},
        "scope": {"text": "a film"}, "valid_from": "2026-01-01", "expires": "2026-12-31", **more,
    }  # fmt: skip
    path.write_text(json.dumps(record))
    check_training_consent(consent_from_file(path), today=today, model=model, where=path)


def test_training_must_be_allowed_by_the_record(tmp_path: Path) -> None:
    path = tmp_path / "consent.json"
    _check(path, training={"allowed": True})
    with pytest.raises(ConsentScopeError, match="does not allow"):
        _check(path)
    with pytest.raises(ConsentScopeError, match="does not allow"):
        _check(path, training={"allowed": False})


def test_a_record_that_names_models_allows_no_other(tmp_path: Path) -> None:
    path = tmp_path / "consent.json"
    _check(path, training={"allowed": True, "models": ["film-a"]}, model="film-a")
    with pytest.raises(ConsentScopeError, match="film-a"):
        _check(path, training={"allowed": True, "models": ["film-a"]}, model="film-b")


def test_a_record_holds_on_its_days_alone(tmp_path: Path) -> None:
    for day in (date(2025, 12, 31), date(2027, 1, 1)):
        with pytest.raises(ConsentExpiredError, match="2026-12-31"):
            _check(tmp_path / "consent.json", today=day, training={"allowed": True})
