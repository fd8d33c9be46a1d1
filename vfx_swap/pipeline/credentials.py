"""Certificates that sign C2PA manifests: read and checked, requested from an authority, or made for trying things out.

What a signing certificate must be: C2PA 2.x, "Trust model", certificate profile: an end-entity certificate for digital
signatures with an extended key usage for C2PA claims, documents or e-mail, on a key of a listed kind.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from vfx_swap.errors import InputError, MissingInputError, OutputError
from vfx_swap.io.atomic import atomic_write
from vfx_swap.io.private_files import read_private, write_private

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

__all__ = ["Credential", "load_credential", "load_trust", "make_test_credential", "request_certificate"]

SIGNING_USES = {
    "1.3.6.1.5.5.7.3.4": "emailProtection",
    "1.3.6.1.5.5.7.3.36": "documentSigning",
    "1.3.6.1.4.1.62558.2.1": "C2PA claim signing",
}
"""Extended key usages that may sign a claim (C2PA 2.x, certificate profile)."""
_MEND = "See docs/provenance.md: vfx-swap provenance certificate makes one for trying out, or a request for a real one"
_FLAGS = (
    "digital_signature",
    "content_commitment",
    "key_encipherment",
    "data_encipherment",
    "key_agreement",
    "key_cert_sign",
    "crl_sign",
    "encipher_only",
    "decipher_only",
)


@dataclass(frozen=True, eq=False)
class Credential:
    """What signs: a chain of certificates and the first one's private key."""

    chain: bytes
    """PEM, the signing one first, without the root."""
    key: bytes
    """PEM, PKCS 8."""
    algorithm: str
    """As c2pa names it: es256, es384, es512, ps256, ed25519."""


def load_credential(certificate: str | Path, key: str | Path, *, now: datetime) -> Credential:
    """Read what signs, and refuse what no verifier would take.

    Args:
        certificate: the chain, PEM, the signing one first.
        key: its private key, PEM, not encrypted, readable by its owner alone.
        now: the moment of signing.

    Raises:
        MissingInputError: one of the files is not there.
        InputError: one of them is damaged, the key is another certificate's or open to others, the certificate is out
            of its dates, of another role, or of a kind that C2PA does not take.
    """
    from cryptography.hazmat.primitives import serialization

    where = Path(certificate)
    chain = _certificates(where)
    private = read_private(key, mend=_MEND)
    try:
        held = serialization.load_pem_private_key(private, password=None)
    except (ValueError, TypeError) as error:  # TypeError: it asks for a pass phrase
        raise InputError("is no private key in PEM without a pass phrase", where=key, mend=_MEND) from error
    spki = (serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    if held.public_key().public_bytes(*spki) != chain[0].public_key().public_bytes(*spki):
        raise InputError(f"is not the key of {where}", where=key, mend="Give the certificate's own key, leaf first")
    _check_leaf(chain[0], where=where, now=now)
    for one, above in pairwise(chain):
        try:
            one.verify_directly_issued_by(above)
        except Exception as error:
            raise InputError("holds certificates that do not follow on each other", where=where, mend=_MEND) from error
    sent = [one for one in chain if one.subject != one.issuer or one is chain[0]]
    pkcs8 = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return Credential(
        chain=b"".join(one.public_bytes(serialization.Encoding.PEM) for one in sent),
        key=held.private_bytes(*pkcs8),
        algorithm=_algorithm(held, where=Path(key)),
    )


def load_trust(path: str | Path) -> str:
    """Root certificates as PEM text.

    Raises:
        MissingInputError: there is no such file.
        InputError: it holds none.
    """
    from cryptography.hazmat.primitives.serialization import Encoding

    return b"".join(one.public_bytes(Encoding.PEM) for one in _certificates(Path(path))).decode("ascii")


def make_test_credential(folder: str | Path, *, organisation: str, days: int, now: datetime) -> tuple[Path, Path, Path]:
    """Make a root and a signing certificate for trying things out. Nobody else trusts them; the root's key is not kept.

    Args:
        folder: where `certificate.pem`, `key.pem` (mode 0600) and `root.pem` go.
        organisation: whose it says to be.
        days: how long both hold.
        now: from when, less an hour.

    Returns:
        The certificate, its key, the root.

    Raises:
        OutputError: one of the files is there already, or cannot be written.
    """
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.x509.oid import ExtendedKeyUsageOID

    paths = tuple(Path(folder) / name for name in ("certificate.pem", "key.pem", "root.pem"))
    _require_new(*paths)
    above, key = _new_key(), _new_key()
    root, leaf = _name("TEST root, not for delivery", "vfx-swap TEST"), _name("TEST, not for delivery", organisation)
    first, last = now - timedelta(hours=1), now + timedelta(days=days)

    def begun(subject: x509.Name, public: EllipticCurvePrivateKey, *, ca: bool) -> x509.CertificateBuilder:
        builder = x509.CertificateBuilder(root, subject, public.public_key(), x509.random_serial_number(), first, last)
        builder = builder.add_extension(x509.BasicConstraints(ca, 0 if ca else None), critical=True)
        uses = ("key_cert_sign", "crl_sign") if ca else ("digital_signature",)
        builder = builder.add_extension(_usage(*uses), critical=True)
        identifier = x509.SubjectKeyIdentifier.from_public_key(public.public_key())
        return builder.add_extension(identifier, critical=False)

    signer = (
        begun(leaf, key, ca=False)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(above.public_key()), critical=False)
        .sign(above, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    write_private(paths[1], _pkcs8(key))
    for path, made in ((paths[0], signer), (paths[2], begun(root, above, ca=True).sign(above, hashes.SHA256()))):
        with atomic_write(path) as temporary:
            temporary.write_bytes(made.public_bytes(pem))
    return paths[0], paths[1], paths[2]


def request_certificate(folder: str | Path, *, organisation: str) -> tuple[Path, Path]:
    """Make a key and a request (PKCS 10) for a certificate authority.

    Args:
        folder: where `request.pem` and `key.pem` (mode 0600) go.
        organisation: who asks; the authority decides what the certificate says.

    Returns:
        The request and the key.

    Raises:
        OutputError: one of the files is there already, or cannot be written.
    """
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.x509.oid import ExtendedKeyUsageOID

    request, path = Path(folder) / "request.pem", Path(folder) / "key.pem"
    _require_new(request, path)
    key = _new_key()
    made = (
        x509.CertificateSigningRequestBuilder()
        .subject_name(_name(organisation, organisation))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage("digital_signature"), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), critical=False)
        .sign(key, hashes.SHA256())
    )
    write_private(path, _pkcs8(key))
    with atomic_write(request) as temporary:
        temporary.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    return request, path


def _certificates(where: Path) -> list[x509.Certificate]:
    from cryptography import x509

    try:
        return x509.load_pem_x509_certificates(where.read_bytes())
    except FileNotFoundError as error:
        raise MissingInputError("there is no such certificate", where=where, mend=_MEND) from error
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror or error}", where=where) from error
    except ValueError as error:
        raise InputError("holds no certificates in PEM", where=where, mend=_MEND) from error


def _check_leaf(leaf: x509.Certificate, *, where: Path, now: datetime) -> None:
    from cryptography import x509

    if not leaf.not_valid_before_utc <= now <= leaf.not_valid_after_utc:
        dates = f"{leaf.not_valid_before_utc:%Y-%m-%d} to {leaf.not_valid_after_utc:%Y-%m-%d}"
        raise InputError(f"holds from {dates}; today is {now:%Y-%m-%d}", where=where, mend="Ask for a new one")
    found = leaf.extensions
    try:
        ca = found.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        ca = False
    if ca:
        raise InputError("is an authority's certificate, which must not sign outputs", where=where, mend=_MEND)
    try:
        signs = found.get_extension_for_class(x509.KeyUsage).value.digital_signature
        uses = {one.dotted_string for one in found.get_extension_for_class(x509.ExtendedKeyUsage).value}
    except x509.ExtensionNotFound:
        signs, uses = False, set()
    if not signs or not uses & set(SIGNING_USES):
        wanted = ", ".join(SIGNING_USES.values())
        raise InputError(f"is not a certificate for signatures of use {wanted}", where=where, mend=_MEND)


def _algorithm(key: object, *, where: Path) -> str:
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

    if isinstance(key, ec.EllipticCurvePrivateKey):
        named = {"secp256r1": "es256", "secp384r1": "es384", "secp521r1": "es512"}.get(key.curve.name)
    elif isinstance(key, rsa.RSAPrivateKey):
        named = "ps256" if key.key_size >= 2048 else None
    else:
        named = "ed25519" if isinstance(key, ed25519.Ed25519PrivateKey) else None
    if named is None:
        mend = "C2PA takes P-256, P-384, P-521, Ed25519, and RSA from 2048 bits"
        raise InputError("is a key of a kind that C2PA does not take", where=where, mend=mend)
    return named


def _require_new(*paths: Path) -> None:
    for path in paths:
        if path.exists():
            raise OutputError("there is a file of this name", where=path, mend="Choose another folder")


def _new_key() -> EllipticCurvePrivateKey:
    from cryptography.hazmat.primitives.asymmetric import ec

    return ec.generate_private_key(ec.SECP256R1())


def _pkcs8(key: EllipticCurvePrivateKey) -> bytes:
    from cryptography.hazmat.primitives import serialization

    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _name(common: str, organisation: str) -> x509.Name:
    from cryptography import x509
    from cryptography.x509.oid import NameOID

    try:
        return x509.Name(
            [
                x509.NameAttribute(NameOID.ORGANIZATION_NAME, organisation),
                x509.NameAttribute(NameOID.COMMON_NAME, common),
            ]
        )
    except ValueError as error:
        raise InputError(f"{organisation!r} cannot stand in a certificate", mend="1 to 64 characters") from error


def _usage(*named: str) -> x509.KeyUsage:
    from cryptography import x509

    return x509.KeyUsage(**{flag: flag in named for flag in _FLAGS})
