"""Certificates that sign manifests: what is made, what is taken, what is refused."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.x509.oid import ExtendedKeyUsageOID

from tests.pipeline.c2pa_parts import (
    FACTS,
    certified,
    drawn,
    needs_c2pa,
)
from vfx_swap.errors import (
    InputError,
    MissingInputError,
    OutputError,
)
from vfx_swap.pipeline.credentials import load_credential, load_trust, request_certificate
from vfx_swap.pipeline.provenance import sign_file, verify_file

pytestmark = pytest.mark.provenance


def refused(paths: tuple[Path, Path, Path], what: str, *, now: datetime | None = None) -> None:
    with pytest.raises(InputError, match=what):
        load_credential(paths[0], paths[1], now=now or datetime.now(UTC))


def test_a_certificate_out_of_its_dates_signs_nothing(tmp_path: Path) -> None:
    paths = certified(tmp_path)
    load_credential(paths[0], paths[1], now=datetime.now(UTC))
    refused(paths, "holds from", now=datetime.now(UTC) + timedelta(days=31))
    refused(paths, "holds from", now=datetime.now(UTC) - timedelta(days=31))


def test_a_certificate_of_another_role_signs_nothing(tmp_path: Path) -> None:
    refused(certified(tmp_path / "server", use=ExtendedKeyUsageOID.SERVER_AUTH), "not a certificate for signatures")
    refused(certified(tmp_path / "authority", ca=True), "authority's certificate")


def test_the_key_must_be_the_certificate_s_and_its_owner_s_alone(tmp_path: Path) -> None:
    one, other = certified(tmp_path / "1"), certified(tmp_path / "2")
    refused((one[0], other[1], one[2]), "is not the key of")
    one[1].chmod(0o640)
    refused(one, "others can read")
    one[1].chmod(0o600)
    one[1].write_text("no key")
    refused(one, "no private key")
    one[0].write_text("no certificate")
    refused(one, "no certificates")
    with pytest.raises(MissingInputError):
        load_trust(tmp_path / "none.pem")


def test_a_chain_of_strangers_signs_nothing(tmp_path: Path) -> None:
    one, other = certified(tmp_path / "1"), certified(tmp_path / "2")
    one[0].write_bytes(one[0].read_bytes() + other[0].read_bytes())
    refused(one, "do not follow")


def test_the_root_stays_out_of_what_is_sent(tmp_path: Path) -> None:
    paths = certified(tmp_path)
    alone = load_credential(paths[0], paths[1], now=datetime.now(UTC)).chain
    paths[0].write_bytes(paths[0].read_bytes() + paths[2].read_bytes())
    assert load_credential(paths[0], paths[1], now=datetime.now(UTC)).chain == alone


def test_a_signature_counts_until_its_certificate_expires(tmp_path: Path) -> None:
    needs_c2pa()
    certificate, key, root = certified(tmp_path, ends=timedelta(seconds=4))
    path, trust = drawn(tmp_path / "a.png"), root.read_text()
    sign_file(path, credential=load_credential(certificate, key, now=datetime.now(UTC)), facts=FACTS)
    assert verify_file(path, trust=trust).state == "trusted"
    for _ in range(100):
        if (found := verify_file(path, trust=trust)).state != "trusted":
            break
        time.sleep(0.1)
    assert found.state == "bad_certificate"
    assert "signingCredential.expired" in found.codes


def test_a_request_holds_its_key_s_signature_and_the_key_stays_private(tmp_path: Path) -> None:
    from cryptography import x509

    request, key = request_certificate(tmp_path, organisation="A Facility")
    held = x509.load_pem_x509_csr(request.read_bytes())
    assert held.is_signature_valid
    assert "A Facility" in held.subject.rfc4514_string()
    assert key.stat().st_mode & 0o777 == 0o600
    with pytest.raises(OutputError):
        request_certificate(tmp_path, organisation="A Facility")
    with pytest.raises(InputError, match="cannot stand"):
        request_certificate(tmp_path / "other", organisation="")
