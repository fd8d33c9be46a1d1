"""Ed25519 keys that sign consent records and revocation lists: made, kept in files that only their owner can read.

A key file is JSON: schema `vfx_swap/key.1`, the role it is made for and the private JWK of RFC 8037. What it may do is
said by the facility file alone, which lists public keys with their roles.
"""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from vfx_swap.errors import InputError
from vfx_swap.io.private_files import read_private, write_private
from vfx_swap.pipeline.jws import JwsError, decode, encode, public_x, strict_json, thumbprint
from vfx_swap.settings.facility import ROLES, Role

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

__all__ = ["KEY_SCHEMA", "SigningKey", "load_key", "new_key"]

KEY_SCHEMA = "vfx_swap/key.1"


@dataclass(frozen=True, eq=False)
class SigningKey:
    """A private key with what it was made for."""

    private: Ed25519PrivateKey
    role: Role

    @property
    def x(self) -> str:
        """The public key, base64url."""
        return public_x(self.private)

    @property
    def kid(self) -> str:
        """Its thumbprint (RFC 7638)."""
        return thumbprint(self.x)


def new_key(path: str | Path, *, role: Role) -> SigningKey:
    """Make a key and write it to a file that only its owner can read.

    Raises:
        OutputError: there is a file of this name, or it cannot be written.
    """
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    where = Path(path)
    key = SigningKey(Ed25519PrivateKey.from_private_bytes(secrets.token_bytes(32)), role)
    jwk = {"crv": "Ed25519", "d": encode(key.private.private_bytes_raw()), "kty": "OKP", "x": key.x}
    text = json.dumps({"schema": KEY_SCHEMA, "role": role, "kid": key.kid, "jwk": jwk}, indent=1) + "\n"
    write_private(where, text.encode("ascii"))
    return key


def load_key(path: str | Path) -> SigningKey:
    """Read a private key.

    Raises:
        MissingInputError: there is no such file.
        InputError: it is no key, or others than its owner can read it.
    """
    where = Path(path)
    mend = "Make one: vfx-swap consent key --help"
    text = read_private(where, mend=mend)
    try:
        return _key(strict_json(text))
    except JwsError as error:
        raise InputError(f"is no signing key: it {error}", where=where, mend=mend) from error


def _key(held: object) -> SigningKey:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    if not isinstance(held, dict) or held.get("schema") != KEY_SCHEMA or held.get("role") not in ROLES:
        raise JwsError(f"is not of schema {KEY_SCHEMA}")
    jwk = held.get("jwk")
    if not isinstance(jwk, dict) or (jwk.get("kty"), jwk.get("crv")) != ("OKP", "Ed25519"):
        raise JwsError("holds no Ed25519 key")
    secret = decode(jwk.get("d"))
    if len(secret) != 32:
        raise JwsError("holds no Ed25519 key")
    key = SigningKey(Ed25519PrivateKey.from_private_bytes(secret), held["role"])
    if key.x != jwk.get("x"):
        raise JwsError("holds two halves that do not belong together")
    return key
