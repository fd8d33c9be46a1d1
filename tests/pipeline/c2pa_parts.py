"""Certificates and files that the tests of provenance sign and spoil."""

from __future__ import annotations

import importlib.util
import json
import os
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from vfx_swap.pipeline.credentials import Credential, load_credential, make_test_credential
from vfx_swap.pipeline.provenance_facts import Facts

__all__ = [
    "FACTS",
    "FORMATS",
    "HEADER",
    "REQUIRED",
    "TODAY",
    "certified",
    "credential",
    "drawn",
    "exr_frame",
    "flipped",
    "needs_c2pa",
]

REQUIRED = frozenset(os.environ.get("VFX_SWAP_REQUIRE", "").split(","))
"""Read here: tests see no settings of the machine."""
FORMATS = (".png", ".jpg", ".tif", ".mp4", ".mov", ".exr")
TODAY = date(2026, 11, 20)
HEADER = json.dumps(
    {
        "schema": "vfx_swap/header.1",
        "engine": "reprojection",
        "models": {"landmarks/model.task": "ab" * 32, "/home/someone/model": "ab" * 32, "odd": "someone"},
        "identities": [{"consent_id": "consent-1", "consent_sha256": "cd" * 32, "sha256": "ef" * 32}],
        "settings_digest": "12" * 32,
        "performer": "Ada Example",
    }
)
FACTS = Facts(consents=frozenset({"c0" * 32}), engines=frozenset({"reprojection"}))
PEM = serialization.Encoding.PEM


def needs_c2pa() -> None:
    """Skip the test where c2pa-python is not installed, or fail it where `VFX_SWAP_REQUIRE` names provenance."""
    if importlib.util.find_spec("c2pa") is None:
        what = "c2pa-python is not installed: scripts/setup --provenance"
        if "provenance" in REQUIRED:
            pytest.fail(what)
        pytest.skip(what)


def credential(folder: Path) -> tuple[Credential, str]:
    """What signs, and the root that trusts it."""
    now = datetime.now(UTC)
    certificate, key, root = make_test_credential(folder, organisation="A Facility", days=30, now=now)
    return load_credential(certificate, key, now=now), root.read_text()


def certified(
    folder: Path,
    *,
    use: x509.ObjectIdentifier = ExtendedKeyUsageOID.EMAIL_PROTECTION,
    ca: bool = False,
    begins: timedelta = timedelta(days=-30),
    ends: timedelta = timedelta(days=30),
) -> tuple[Path, Path, Path]:
    """A certificate as one should not be, with its key and the root above it, as files."""
    now = datetime.now(UTC)
    root, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    flags = dict.fromkeys(
        (
            "digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
            "key_cert_sign", "crl_sign", "encipher_only", "decipher_only",
        ),
        False,
    )  # fmt: skip

    def named(text: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, text)])

    def built(name: str, public: ec.EllipticCurvePrivateKey, *, above: bool) -> x509.Certificate:
        uses = {"key_cert_sign": True} if above else {"digital_signature": True}
        made = (
            x509.CertificateBuilder()
            .issuer_name(named("A root"))
            .subject_name(named(name))
            .public_key(public.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=60) if above else now + begins)
            .not_valid_after(now + timedelta(days=60) if above else now + ends)
            .add_extension(x509.BasicConstraints(above or ca, None), critical=True)
            .add_extension(x509.KeyUsage(**{**flags, **uses}), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public.public_key()), critical=False)
        )
        if not above:
            made = made.add_extension(x509.ExtendedKeyUsage([use]), critical=False)
            identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(root.public_key())
            made = made.add_extension(identifier, critical=False)
        return made.sign(root, hashes.SHA256())

    paths = folder / "certificate.pem", folder / "key.pem", folder / "root.pem"
    folder.mkdir(parents=True, exist_ok=True)
    paths[0].write_bytes(built("A Facility", key, above=False).public_bytes(PEM))
    secret = (PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    paths[1].touch(mode=0o600)
    paths[1].write_bytes(key.private_bytes(*secret))
    paths[2].write_bytes(built("A root", root, above=True).public_bytes(PEM))
    return paths


def exr_frame(path: Path, *, seed: int = 0, header: str = "") -> Path:
    """An EXR, with what a render writes into its header."""
    import OpenImageIO as oiio

    spec = oiio.ImageSpec(16, 16, 3, oiio.FLOAT)
    if header:
        spec["vfx_swap/render"] = header
    file = oiio.ImageOutput.create(str(path))
    assert file is not None
    assert file.open(str(path), spec)
    assert file.write_image(np.random.default_rng(seed).random((16, 16, 3), dtype=np.float32))
    file.close()
    return path


def drawn(path: Path, *, seed: int = 0) -> Path:
    """A picture or movie of noise, of the kind that its name says."""
    if path.suffix == ".exr":
        return exr_frame(path, seed=seed)
    pixels = np.random.default_rng(seed).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    if path.suffix in {".mp4", ".mov"}:
        import av

        with av.open(str(path), "w") as movie:
            stream = movie.add_stream("mpeg4", rate=24)
            stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
            for _ in range(3):
                for packet in stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")):
                    movie.mux(packet)
            for packet in stream.encode():
                movie.mux(packet)
        return path
    from PIL import Image

    Image.fromarray(pixels).save(path)
    return path


def flipped(path: Path, where: int) -> None:
    """Change one bit of a file."""
    data = bytearray(path.read_bytes())
    data[where] ^= 1
    path.write_bytes(data)
