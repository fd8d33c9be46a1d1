"""A certificate authority for tests, made anew each time: EC keys, valid from yesterday."""

from __future__ import annotations

import ipaddress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

__all__ = ["Authority"]


class Authority:
    """Signs certificates for servers on loopback and for clients."""

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test authority")])
        self.certificate = _pem(self._builder(self._name, self._key, days=30, is_authority=True))

    def server(self, folder: Path, *, days: float = 30, starts: float = -1) -> tuple[Path, Path]:
        """Certificate and key of a server at 127.0.0.1 as files `server.pem` and `server.key`."""
        key = ec.generate_private_key(ec.SECP256R1())
        names: list[x509.GeneralName] = [
            x509.DNSName("localhost"),
            x509.IPAddress(ipaddress.ip_address("127.0.0.1")),
        ]
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
        certificate = self._builder(name, key, days=days, starts=starts, names=names)
        paths = folder / "server.pem", folder / "server.key"
        paths[0].write_bytes(_pem(certificate))
        paths[1].write_bytes(_private(key))
        paths[1].chmod(0o600)
        return paths

    def client(self, common_name: str, *names: str) -> tuple[bytes, bytes]:
        """Certificate and key of a client, as PEM."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
        others = [x509.DNSName(one) for one in names]
        return _pem(self._builder(name, key, days=30, names=others)), _private(key)

    def write(self, path: Path) -> Path:
        """The authority's own certificate as a file."""
        path.write_bytes(self.certificate)
        return path

    def _builder(
        self,
        name: x509.Name,
        key: ec.EllipticCurvePrivateKey,
        *,
        days: float,
        starts: float = -1,
        names: list[x509.GeneralName] | list[x509.DNSName] | None = None,
        is_authority: bool = False,
    ) -> x509.Certificate:
        now = datetime.now(UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now + timedelta(days=starts))
            .not_valid_after(now + timedelta(days=days))
            .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
        )
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        return builder.sign(self._key, hashes.SHA256())


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _private(key: ec.EllipticCurvePrivateKey) -> bytes:
    form = serialization.PrivateFormat.PKCS8
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())
