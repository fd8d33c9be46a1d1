"""MODEL.LICENSE of InsightFace packs, signed by a key made here, read by insightface's own code."""

from __future__ import annotations

import base64
import builtins
import json
import zipfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import rfc8785
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.models.onnx_swap.graphs import family_graph
from vfx_swap.errors import CannotRunError, ModelMismatchError, UsageError
from vfx_swap.models.bring.add import Outcome, add_models
from vfx_swap.models.bring.terms import check_recorded_terms, read_pack_terms
from vfx_swap.models.bring.verify import verify_card
from vfx_swap.models.cards import Card, card_folder, read_cards
from vfx_swap.models.runtimes.onnx_session import import_onnxruntime

SHIPPED = read_cards(card_folder())
NOW = datetime.now(UTC)
TRUSTED = "insightface.model_zoo.model_license._trusted_keys"


@pytest.fixture
def key(monkeypatch: pytest.MonkeyPatch) -> Ed25519PrivateKey:
    """A private key whose public half is trusted in place of InsightFace's."""
    import_onnxruntime()  # as ever before insightface
    made = Ed25519PrivateKey.generate()
    monkeypatch.setattr(TRUSTED, lambda directory=None: (made.public_key(),))
    return made


def _time(days: float) -> str:
    return (NOW + timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%SZ")


def _licence(key: Ed25519PrivateKey, **changes: Any) -> dict[str, Any]:
    """A licence as InsightFace signs one: Ed25519 over the canonical form of all fields but the signature."""
    told: dict[str, Any] = {
        "license_version": 1,
        "license_id": "L-7",
        "issuer": "InsightFace",
        "model_id": "buffalo_film",
        "grant": "commercial",
        "customer": "Some  Studio\n",
        "valid_from": _time(-1),
        "valid_until": _time(30),
    } | changes
    told = {name: value for name, value in told.items() if value is not None}
    signature = base64.urlsafe_b64encode(key.sign(rfc8785.dumps(told))).decode().rstrip("=")
    return told | {"signature": signature}


def _pack(folder: Path, told: dict[str, Any] | None) -> Path:
    """A pack with one model; returns its folder."""
    pack = folder / "buffalo_film"
    pack.mkdir(parents=True, exist_ok=True)
    (pack / "det.onnx").write_bytes(family_graph(next(card for card in SHIPPED if card.id == "scrfd")))
    if told is not None:
        (pack / "MODEL.LICENSE").write_text(json.dumps(told), encoding="utf-8")
    return pack


def _add(path: Path, home: Path) -> Outcome:
    found = add_models(path, folder=home, cards=SHIPPED, accept=lambda card: True, search=[home])
    return next(one for one in found if one.name.endswith("det.onnx"))


def _card(outcome: Outcome) -> Card:
    assert outcome.error is None
    assert outcome.card is not None
    return outcome.card


def test_a_valid_licence_is_proved_recorded_and_proved_again(tmp_path: Path, key: Ed25519PrivateKey) -> None:
    home = tmp_path / "models"
    pack = _pack(tmp_path, _licence(key))
    card = _card(_add(pack, home))
    until = (NOW + timedelta(days=30)).date()
    words = f"InsightFace MODEL.LICENSE L-7 of buffalo_film: commercial, for Some Studio, until {until}"
    assert (card.licence, card.commercial_use) == (words, True)
    recorded = home / card.id / "MODEL.LICENSE"
    assert recorded.read_bytes() == (pack / "MODEL.LICENSE").read_bytes()
    verdict = verify_card(card, folders=[home])
    assert verdict.error is None
    assert (
        verdict.proved[0]
        == f"MODEL.LICENSE: signature proved, L-7 of buffalo_film: commercial, for Some Studio, until {until}"
    )


def test_a_non_commercial_licence_allows_no_paid_work(tmp_path: Path, key: Ed25519PrivateKey) -> None:
    told = _licence(key, grant="non-commercial", customer=None, valid_until=None)
    card = _card(_add(_pack(tmp_path, told), tmp_path / "models"))
    assert (card.licence, card.commercial_use) == (
        "InsightFace MODEL.LICENSE L-7 of buffalo_film: non-commercial",
        False,
    )
    file = tmp_path / "models" / card.id / "MODEL.LICENSE"
    with pytest.raises(ModelMismatchError, match="the card allows paid work, the licence does not"):
        check_recorded_terms(file, commercial_use=True)


def test_without_one_the_public_terms_hold(tmp_path: Path, key: Ed25519PrivateKey) -> None:
    card = _card(_add(_pack(tmp_path, None), tmp_path / "models"))
    assert card.licence == "InsightFace model licence, non-commercial research only"
    assert not card.commercial_use
    assert verify_card(card, folders=[tmp_path / "models"]).error is None


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        pytest.param({"valid_from": _time(-9), "valid_until": _time(-1)}, r"\(expired\): .*expired at", id="expired"),
        pytest.param({"valid_from": _time(3)}, r"\(not_active\): .*not active until", id="not yet"),
        pytest.param({"model_id": "antelope"}, r"\(invalid\): .*is for 'antelope'", id="of another pack"),
        pytest.param({"issuer": "Somebody"}, r"\(invalid\): .*issuer", id="of another issuer"),
        pytest.param({"customer": None}, r"\(invalid\): .*identify the customer", id="for nobody"),
    ],
)
def test_one_that_does_not_hold_keeps_the_pack_out(
    changes: dict[str, Any], why: str, tmp_path: Path, key: Ed25519PrivateKey
) -> None:
    outcome = _add(_pack(tmp_path, _licence(key, **changes)), tmp_path / "models")
    assert isinstance(outcome.error, ModelMismatchError)
    with pytest.raises(ModelMismatchError, match=why):
        raise outcome.error
    assert not (tmp_path / "models").exists()


@pytest.mark.parametrize(
    "change", [{"grant": "commercial"}, {"valid_until": _time(3000)}, {"customer": "Another"}, {"signature": "A" * 86}]
)
def test_one_that_was_tampered_with_keeps_the_pack_out(
    change: dict[str, Any], tmp_path: Path, key: Ed25519PrivateKey
) -> None:
    told = _licence(key, grant="non-commercial") | change
    with pytest.raises(ModelMismatchError, match="signature verification failed"):
        read_pack_terms(_pack(tmp_path, told))


def test_one_signed_by_a_key_that_is_not_insightface_s_gives_no_leave(tmp_path: Path) -> None:
    told = _licence(Ed25519PrivateKey.generate())
    with pytest.raises(ModelMismatchError, match="signature verification failed"):
        read_pack_terms(_pack(tmp_path, told))  # by the key that comes with insightface


def test_a_dead_link_is_no_missing_licence(tmp_path: Path, key: Ed25519PrivateKey) -> None:
    pack = _pack(tmp_path, None)
    (pack / "MODEL.LICENSE").symlink_to(pack / "gone")
    with pytest.raises(ModelMismatchError, match="does not hold"):
        read_pack_terms(pack)


def test_it_is_found_where_the_pack_s_manifest_says(tmp_path: Path, key: Ed25519PrivateKey) -> None:
    pack = _pack(tmp_path, None)
    (pack / "terms").mkdir()
    (pack / "terms" / "MODEL.LICENSE").write_text(json.dumps(_licence(key)), encoding="utf-8")
    (pack / "weights").mkdir()
    (pack / "det.onnx").rename(pack / "weights" / "det.onnx")
    manifest = {"manifest_version": 2, "model_id": "buffalo_film", "license": "terms/MODEL.LICENSE"}
    (pack / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    renamed = pack.rename(tmp_path / "renamed")  # the manifest gives the name, not the folder
    assert _card(_add(renamed, tmp_path / "models")).commercial_use
    assert read_pack_terms(renamed / "weights") is None  # that folder alone says nothing


def test_a_licence_that_runs_out_later_is_noticed(tmp_path: Path, key: Ed25519PrivateKey) -> None:
    home = tmp_path / "models"
    card = _card(_add(_pack(tmp_path, _licence(key)), home))
    file = home / card.id / "MODEL.LICENSE"
    old = _licence(key, valid_from=_time(-9), valid_until=_time(-1))
    file.write_text(json.dumps(old), encoding="utf-8")
    assert "does not hold any more: Model license expired" in str(verify_card(card, folders=[home]).error)
    file.write_text("not JSON", encoding="utf-8")
    assert "does not hold any more" in str(verify_card(card, folders=[home]).error)
    file.unlink()
    assert "which is gone" in str(verify_card(card, folders=[home]).error)


def test_an_archive_with_one_has_to_be_unpacked(tmp_path: Path, key: Ed25519PrivateKey) -> None:
    pack = _pack(tmp_path, _licence(key))
    packed = tmp_path / "pack.zip"
    with zipfile.ZipFile(packed, "w") as archive:
        for file in pack.iterdir():
            archive.write(file, f"buffalo_film/{file.name}")
    with pytest.raises(UsageError, match="names its pack by the folder") as caught:
        _add(packed, tmp_path / "models")
    assert caught.value.mend == "Unpack it and add the folder"


def test_what_cannot_be_proved_is_not_believed(
    tmp_path: Path, key: Ed25519PrivateKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    pack = _pack(tmp_path, _licence(key))
    whole = builtins.__import__

    def without(name: str, *rest: Any, **more: Any) -> Any:
        if name == "rfc8785":
            raise ImportError(name)
        return whole(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(CannotRunError, match="rfc8785 is not installed"):
        read_pack_terms(pack)
    with pytest.raises(CannotRunError, match="rfc8785 is not installed"):
        check_recorded_terms(pack / "MODEL.LICENSE", commercial_use=True)
