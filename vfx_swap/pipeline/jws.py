"""JSON Web Signatures (RFC 7515) with Ed25519 (RFC 8037, 9864) over canonical JSON (RFC 8785).

A signed file is JWS in general JSON serialisation (RFC 7515, section 7.2.1): one payload, any number of signatures,
each by another key. The payload is JSON in the one form that RFC 8785 gives it. Every protected header holds `alg`
(Ed25519), `typ`, `kid` (the key's thumbprint, RFC 7638) and `jwk` (the public key itself), so that a change is found
out by anybody; whose key it is, only a facility file tells. Nothing is unprotected; what is not known is refused.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

__all__ = [
    "MAX_SIGNATURES",
    "JwsError",
    "Signed",
    "canonical",
    "decode",
    "encode",
    "general_json",
    "open_general",
    "public_x",
    "sign",
    "strict_json",
    "thumbprint",
    "verify",
    "verify_bytes",
]

MAX_SIGNATURES = 32
_BASE64URL = re.compile(r"[A-Za-z0-9_-]*")
_ALGORITHMS = ("Ed25519", "EdDSA")
"""RFC 9864's name, and RFC 8037's for the same; we write the first."""


class JwsError(ValueError):
    """What is wrong with a signed file; whoever reads one names it with its place."""


@dataclass(frozen=True)
class Signed:
    """A signed file, opened; nothing is verified yet."""

    payload: bytes
    signatures: tuple[Mapping[str, str], ...]
    """Each with `protected` and `signature`, base64url."""


def canonical(value: object) -> bytes:
    """JSON as RFC 8785 writes it, UTF-8.

    Raises:
        JwsError: the value has no such form: NaN, an integer beyond 2^53, a lone surrogate.
    """
    import rfc8785

    try:
        return rfc8785.dumps(value)  # type: ignore[arg-type]  # it checks what it gets
    except (rfc8785.CanonicalizationError, RecursionError, UnicodeError) as error:
        raise JwsError(f"has no canonical form: {error}") from error


def strict_json(text: str | bytes) -> Any:  # Any: whatever the JSON holds
    """JSON without what readers differ about: a key twice, NaN, infinities.

    Raises:
        JwsError: it is none.
    """

    def pairs(found: list[tuple[str, Any]]) -> dict[str, Any]:
        if len(held := dict(found)) != len(found):
            raise JwsError("holds a key twice")
        return held

    def constant(name: str) -> Any:
        raise JwsError(f"holds {name}")

    try:
        return json.loads(text, object_pairs_hook=pairs, parse_constant=constant)
    except JwsError:
        raise
    except (ValueError, RecursionError) as error:
        raise JwsError(f"is no JSON: {error}") from error


def encode(data: bytes) -> str:
    """base64url without padding (RFC 7515, appendix C)."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def decode(text: object) -> bytes:
    """Bytes of base64url; the one text that `encode` gives for them.

    Raises:
        JwsError: it is not.
    """
    if not isinstance(text, str) or _BASE64URL.fullmatch(text) is None:
        raise JwsError("holds a value that is not base64url")
    try:
        data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (binascii.Error, ValueError) as error:
        raise JwsError("holds a value that is not base64url") from error
    if encode(data) != text:  # spare bits that are set: the same bytes under another text
        raise JwsError("holds a value that is not base64url in its one form")
    return data


def thumbprint(x: str) -> str:
    """The key's name (RFC 7638, as RFC 8037 appendix A.3 shows it): SHA-256 of its JWK's required members.

    Args:
        x: the public key, base64url.
    """
    return encode(hashlib.sha256(canonical({"crv": "Ed25519", "kty": "OKP", "x": x})).digest())


def public_x(key: Ed25519PrivateKey) -> str:
    """The public key of a private one, base64url."""
    return encode(key.public_key().public_bytes_raw())


def sign(payload: bytes, key: Ed25519PrivateKey, *, typ: str) -> dict[str, str]:
    """One signature over a payload: `protected` and `signature`."""
    x = public_x(key)
    header = {
        "alg": "Ed25519",
        "jwk": {"crv": "Ed25519", "kty": "OKP", "x": x},
        "kid": thumbprint(x),
        "typ": typ,
    }
    protected = encode(canonical(header))
    signature = key.sign(_signing_input(protected, payload))
    return {"protected": protected, "signature": encode(signature)}


def verify(payload: bytes, signature: Mapping[str, str], *, typ: str) -> str:
    """Verify one signature against the key in its own header.

    Returns:
        The key, as `x`; whether it is one that is known is another question.

    Raises:
        JwsError: it does not fit the payload, or is not of this form.
    """
    protected = signature.get("protected", "")
    header = strict_json(decode(protected))
    if not isinstance(header, dict) or set(header) != {"alg", "jwk", "kid", "typ"}:
        raise JwsError("has a signature whose header does not hold alg, jwk, kid and typ alone")
    if header["alg"] not in _ALGORITHMS or header["typ"] != typ:
        raise JwsError(f"has a signature of another kind: {header['alg']!r}, {header['typ']!r}")
    jwk = header["jwk"]
    if not isinstance(jwk, dict) or set(jwk) != {"crv", "kty", "x"} or (jwk["kty"], jwk["crv"]) != ("OKP", "Ed25519"):
        raise JwsError("has a signature whose key is not Ed25519's")
    x = jwk["x"]
    if not isinstance(x, str) or header["kid"] != thumbprint(x):
        raise JwsError("has a signature whose key is not the one it names")
    verify_bytes(x, _signing_input(protected, payload), decode(signature.get("signature", "")))
    return x


def verify_bytes(x: str, message: bytes, signature: bytes) -> None:
    """Plain Ed25519 (RFC 8032).

    Raises:
        JwsError: the signature is not this key's over this message.
    """
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    try:
        Ed25519PublicKey.from_public_bytes(decode(x)).verify(signature, message)
    except InvalidSignature as error:
        raise JwsError("was changed after it was signed") from error
    except JwsError:
        raise
    except ValueError as error:
        raise JwsError(f"has a signature whose key is none: {error}") from error


def general_json(payload: bytes, signatures: Sequence[Mapping[str, str]]) -> str:
    """A signed file's text."""
    held = [{"protected": one["protected"], "signature": one["signature"]} for one in signatures]
    return json.dumps({"payload": encode(payload), "signatures": held}, indent=1) + "\n"


def open_general(text: str | bytes) -> Signed:
    """Open a signed file, strictly; verify nothing.

    Raises:
        JwsError: it is none, or holds what is not protected.
    """
    held = strict_json(text)
    if not isinstance(held, dict) or set(held) != {"payload", "signatures"}:
        raise JwsError("is no JWS in general JSON serialisation with payload and signatures alone")
    listed = held["signatures"]
    if not isinstance(listed, list) or not 1 <= len(listed) <= MAX_SIGNATURES:
        raise JwsError(f"must hold 1 to {MAX_SIGNATURES} signatures")
    for one in listed:
        if not isinstance(one, dict) or set(one) != {"protected", "signature"}:
            raise JwsError("holds a signature that has more or less than protected and signature")
        if not all(isinstance(value, str) for value in one.values()):
            raise JwsError("holds a signature that is not text")
    payload = decode(held["payload"])
    if canonical(strict_json(payload)) != payload:
        raise JwsError("holds a payload that is not canonical JSON (RFC 8785)")
    return Signed(payload, tuple(listed))


def _signing_input(protected: str, payload: bytes) -> bytes:
    return f"{protected}.{encode(payload)}".encode("ascii")
