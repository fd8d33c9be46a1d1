"""Certificates of the server: checked before use, read again when their files change, without a restart."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vfx_swap.errors import MissingInputError, Problem, SettingsError
from vfx_swap.service.settings import Tls

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

__all__ = ["CertificateSource", "Certificates", "read_certificates", "server_credentials"]

_LOG = logging.getLogger(__name__)
MAX_PEM_BYTES = 1 << 20
_SOON = timedelta(days=21)
"""A certificate that ends sooner is worth a word."""


@dataclass(frozen=True)
class Certificates:
    """The files' content, which fits together."""

    certificate: bytes
    key: bytes
    client_ca: bytes | None
    not_after: datetime
    """When the server's certificate ends."""

    def notes(self, *, now: datetime) -> Iterator[str]:
        """What is in order today and will not be soon."""
        if self.not_after - now < _SOON:
            yield f"the certificate ends on {self.not_after:%Y-%m-%d %H:%M} UTC: renew it"


def read_certificates(tls: Tls, *, now: datetime) -> Certificates:
    """Read and check the files.

    Args:
        tls: where they are.
        now: the time, with its zone.

    Raises:
        SettingsError: they cannot be used; holds every problem.
    """
    problems: list[Problem] = []
    chain = _certificates("tls.certificate", tls.certificate, problems)
    key = _read("tls.key", tls.key, problems)
    ca = None if tls.client_ca is None else _certificates("tls.client_ca", tls.client_ca, problems)
    problems += _key_problems(tls, key, None if chain is None else chain[1][0])
    if chain is not None:
        problems += _dates("tls.certificate", chain[1][0], now)
    if problems or chain is None or key is None:
        raise SettingsError(problems)
    return Certificates(chain[0], key, None if ca is None else ca[0], chain[1][0].not_valid_after_utc)


class CertificateSource:
    """Gives the newest certificates that are in order. Called by gRPC's threads, before every handshake."""

    def __init__(self, tls: Tls) -> None:
        self._tls = tls
        self._lock = threading.Lock()
        self._stamp = self._look()
        self._current = read_certificates(tls, now=datetime.now(UTC))

    @property
    def current(self) -> Certificates:
        """What is shown to clients now."""
        return self._current

    def fresh(self) -> Certificates | None:
        """New certificates, once; None while nothing changed. A change that is not in order is logged, not taken."""
        with self._lock:
            stamp = self._look()
            if stamp == self._stamp:
                return None
            self._stamp = stamp
            try:
                self._current = read_certificates(self._tls, now=datetime.now(UTC))
            except (SettingsError, MissingInputError) as error:
                _LOG.error("new certificates are not taken, the old ones stay: %s", error)
                return None
            _LOG.info("certificates were read again; they end on %s", self._current.not_after.isoformat())
            return self._current

    def _look(self) -> tuple[object, ...]:
        found: list[object] = []
        for path in (self._tls.certificate, self._tls.key, self._tls.client_ca):
            if path is None:
                continue
            try:
                state = Path(path).stat()
            except OSError:
                found.append(None)
            else:
                found.append((state.st_mtime_ns, state.st_size, state.st_ino))
        return tuple(found)


def server_credentials(source: CertificateSource) -> Any:  # Any: gRPC has no annotations
    """GRPC's credentials, which ask the source before every handshake. With a `client_ca` every client must show a
    certificate: gRPC knows no optional one.
    """
    import grpc

    def configuration(held: Certificates) -> Any:  # Any: as above
        return grpc.ssl_server_certificate_configuration(
            [(held.key, held.certificate)], root_certificates=held.client_ca
        )

    def fetch() -> Any:  # Any: as above
        fresh = source.fresh()
        return None if fresh is None else configuration(fresh)

    held = source.current
    return grpc.dynamic_ssl_server_credentials(
        configuration(held), fetch, require_client_authentication=held.client_ca is not None
    )


def _read(key: str, path: str, problems: list[Problem]) -> bytes | None:
    try:
        with Path(path).open("rb") as file:
            content = file.read(MAX_PEM_BYTES + 1)
    except (OSError, ValueError) as error:
        problems.append(Problem(key, f"cannot read {path!r}: {getattr(error, 'strerror', None) or error}"))
        return None
    if len(content) > MAX_PEM_BYTES:
        problems.append(Problem(key, f"{path!r} is too large for PEM"))
        return None
    return content


def _certificates(key: str, path: str, problems: list[Problem]) -> tuple[bytes, list[Certificate]] | None:
    from cryptography.x509 import load_pem_x509_certificates

    content = _read(key, path, problems)
    if content is None:
        return None
    try:
        return content, load_pem_x509_certificates(content)
    except ValueError as error:
        problems.append(Problem(key, f"{path!r} holds no PEM certificate: {error}"))
        return None


def _key_problems(tls: Tls, content: bytes | None, certificate: Certificate | None) -> Iterator[Problem]:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    if content is None:
        return
    if Path(tls.key).stat().st_mode & 0o027:  # a group such as ssl-cert may read it
        yield Problem("tls.key", f"{tls.key!r} can be read or changed by others", f"chmod 600 {tls.key}")
    try:
        key = load_pem_private_key(content, password=None)
    except TypeError:
        yield Problem("tls.key", f"{tls.key!r} is encrypted", "Give it without a password; its mode guards it")
        return
    except (ValueError, UnsupportedAlgorithm) as error:
        yield Problem("tls.key", f"{tls.key!r} holds no PEM private key: {str(error).splitlines()[0]}")
        return
    if certificate is not None and key.public_key() != certificate.public_key():
        yield Problem("tls.key", f"{tls.key!r} is not the key of {tls.certificate!r}", "Write both anew, as a pair")


def _dates(key: str, certificate: Certificate, now: datetime) -> Iterator[Problem]:
    if now < certificate.not_valid_before_utc:
        yield Problem(key, f"holds only from {certificate.not_valid_before_utc:%Y-%m-%d %H:%M} UTC")
    if now > certificate.not_valid_after_utc:
        yield Problem(key, f"ended on {certificate.not_valid_after_utc:%Y-%m-%d %H:%M} UTC", "Renew it")
