"""C2PA manifests on outputs: what a frame is, signed with the facility's certificate, and whether it still is that.

PNG, JPEG, TIFF, MP4 and MOV carry the manifest within. EXR and DPX have no place for one in C2PA 2.x: theirs stands
beside them, as `NAME.exr.c2pa`, and holds the SHA-256 of the whole file.

Nothing is fetched: no remote manifests, no OCSP, no time stamps. No names, paths, accounts or hosts go in.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Literal, TypeAlias

from vfx_swap import __version__
from vfx_swap.errors import CannotRunError, InputError, MissingInputError, UsageError
from vfx_swap.io.atomic import atomic_write, output_error
from vfx_swap.pipeline.credentials import Credential
from vfx_swap.pipeline.provenance_facts import Facts

__all__ = [
    "COMPOSITE",
    "EMBEDDED",
    "FACTS_LABEL",
    "SIDECAR",
    "State",
    "Verdict",
    "require_library",
    "sidecar_of",
    "sign_data",
    "sign_file",
    "verify_data",
    "verify_file",
]

COMPOSITE = "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia"
"""IPTC's digital source type of a picture in which a part was made by a trained model."""
FACTS_LABEL = "vfx_swap.render"
EMBEDDED = {
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".tif": "image/tiff",
    ".tiff": "image/tiff",
    ".mp4": "video/mp4",
    ".mov": "video/quicktime",
}
SIDECAR = {".exr": "image/x-exr", ".dpx": "image/x-dpx"}
MAX_MANIFEST_BYTES = 1 << 26

State: TypeAlias = Literal["trusted", "unknown_signer", "bad_certificate", "altered", "none"]


@dataclass(frozen=True)
class Verdict:
    """What was found out about one file, or one sequence."""

    file: Path
    state: State
    signer: str = ""
    """The organisation that the signing certificate names."""
    codes: tuple[str, ...] = ()
    """What is wrong, in C2PA's words."""
    made: Mapping[str, Any] | None = None
    """What the manifest says of the render."""
    missing: tuple[str, ...] = ()
    added: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    """Of a sequence: names of frames that are gone, were not there when it was signed, or are not what was signed."""


def require_library() -> None:
    """
    Raises:
        CannotRunError: c2pa-python is not installed.
    """
    _library()


def sidecar_of(path: Path) -> Path:
    """Where the manifest of a file stands that cannot hold one."""
    return path.with_name(f"{path.name}.c2pa")


def sign_file(
    path: str | Path,
    *,
    credential: Credential,
    facts: Facts,
    out: str | Path | None = None,
    overwrite: bool = False,
) -> Path:
    """Sign one file.

    Args:
        path: the picture or movie.
        credential: what signs.
        facts: what is said of it.
        out: where the signed copy goes; None: in its place. Of a file with a sidecar, the sidecar.
        overwrite: whether a manifest that is there is replaced.

    Returns:
        The file written.

    Raises:
        MissingInputError: there is no such file.
        UsageError: it is of a kind that cannot be signed, or it is signed already.
        InputError: it is damaged.
        CannotRunError: c2pa-python is not installed.
        OutputError: the result cannot be written; what was there is as it was.
    """
    where = Path(path)
    kind = _kind(where)
    with _opened(where) as source:
        if where.suffix.lower() in SIDECAR:
            target = sidecar_of(where) if out is None else Path(out)
            _require_free(target, overwrite=overwrite)
            manifest = sign_data(source, kind=kind, credential=credential, facts=facts, where=where)
            with atomic_write(target) as temporary:
                temporary.write_bytes(manifest)
            return target
        target = where if out is None else Path(out)
        if target.suffix.lower() != where.suffix.lower():
            raise UsageError(f"{target} is of another kind than {where}", mend="Signing converts nothing")
        if target != where:
            _require_free(target, overwrite=overwrite)
        if not overwrite and verify_file(where, trust=None).state != "none":
            raise UsageError(f"{where} carries a manifest already", mend="--overwrite replaces it")
        source.seek(0)
        with atomic_write(target) as temporary, temporary.open("w+b", buffering=0) as file:
            _sign(source, file, kind=kind, credential=credential, facts=facts, where=where, embed=True)
        return target


def sign_data(source: BinaryIO, *, kind: str, credential: Credential, facts: Facts, where: Path) -> bytes:
    """A manifest of some bytes, to stand beside them.

    Raises: as `sign_file`.
    """
    return _sign(source, io.BytesIO(), kind=kind, credential=credential, facts=facts, where=where, embed=False)


def verify_file(path: str | Path, *, trust: str | None) -> Verdict:
    """Whether a file is what was signed, and by whom.

    Args:
        path: the picture or movie.
        trust: root certificates, PEM; None: every signer is unknown.

    Raises:
        MissingInputError: there is no such file.
        UsageError: it is of a kind that cannot be signed.
        CannotRunError: c2pa-python is not installed.
    """
    where = Path(path)
    kind = _kind(where)
    with _opened(where) as source:
        return verify_data(source, kind=kind, where=where, trust=trust, embedded=where.suffix.lower() in EMBEDDED)


def verify_data(source: BinaryIO, *, kind: str, where: Path, trust: str | None, embedded: bool) -> Verdict:
    """The same, of an open file.

    Raises: as `verify_file`; InputError: the sidecar cannot be read.
    """
    c2pa = _library()
    manifest = None
    if not embedded:
        try:
            with sidecar_of(where).open("rb") as file:
                manifest = file.read(MAX_MANIFEST_BYTES)
        except FileNotFoundError:
            return Verdict(where, "none")
        except OSError as error:
            raise InputError(f"cannot be read: {error.strerror or error}", where=sidecar_of(where)) from error
    try:
        with (
            _context(c2pa, trust) as context,
            c2pa.Reader(kind, source, manifest, context=context) as reader,
        ):
            return _verdict(where, str(reader.get_validation_state()), json.loads(reader.json()))
    except c2pa.C2paError.ManifestNotFound:
        # A sidecar that is there and holds no manifest was cut or overwritten.
        return Verdict(where, "none" if manifest is None else "altered")
    except (c2pa.C2paError, ValueError, RecursionError) as error:
        return Verdict(where, "altered", codes=(str(error)[:200],))


def _verdict(where: Path, state: str, said: Mapping[str, Any]) -> Verdict:
    active = said["manifests"][said["active_manifest"]]
    signer = str(active.get("signature_info", {}).get("issuer") or "")
    data = [one["data"] for one in active.get("assertions", ()) if one.get("label") == FACTS_LABEL]
    codes = tuple(sorted({str(one["code"]) for one in said.get("validation_status", ())}))
    known: dict[str, State] = {"Trusted": "trusted", "Valid": "unknown_signer"}
    found = known.get(state, "altered")
    # Nothing but the certificate is wrong: the picture is as it was signed.
    if found == "altered" and codes and all(one.startswith("signingCredential.") for one in codes):
        found = "bad_certificate"
    return Verdict(where, found, signer=signer, codes=codes, made=data[0] if data else None)


def _sign(
    source: BinaryIO, out: BinaryIO, *, kind: str, credential: Credential, facts: Facts, where: Path, embed: bool
) -> bytes:
    c2pa = _library()
    writing = _Writing(out)
    try:
        info = c2pa.C2paSignerInfo(credential.algorithm.encode(), credential.chain, credential.key, None)
        with (
            _context(c2pa, None) as context,
            c2pa.Signer.from_info(info) as signer,
            c2pa.Builder(json.dumps(_manifest(facts)), context) as builder,
        ):
            if not embed:
                builder.set_no_embed()
            return bytes(builder.sign(signer, kind, source, writing))
    except c2pa.C2paError as error:
        if writing.failed is not None:
            raise output_error(writing.failed, where) from writing.failed
        mend = "Check that it is a whole file of the kind that its name says"
        raise InputError(f"cannot be signed: {error}", where=where, mend=mend) from error


class _Writing:
    """A stream that keeps the error of a failed write: the library says only that one failed."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.failed: OSError | None = None
        self.read, self.seek, self.tell, self.flush = file.read, file.seek, file.tell, file.flush

    def write(self, data: bytes) -> int:
        try:
            view = memoryview(data)
            done = 0
            while done < len(view):  # an unbuffered file may take less than it is given
                done += self._file.write(view[done:])
            return done
        except OSError as error:
            self.failed = error
            raise


def _manifest(facts: Facts) -> dict[str, Any]:
    agent = {"name": "vfx-swap", "version": __version__}
    refused = ("cawg.ai_generative_training", "cawg.ai_training", "cawg.ai_inference", "cawg.data_mining")
    # `created` and not `opened`: an ingredient would carry the plate's file name as its title.
    action = {"action": "c2pa.created", "digitalSourceType": COMPOSITE, "softwareAgent": agent}
    return {
        "claim_generator_info": [agent],
        "assertions": [
            {"label": "c2pa.actions.v2", "data": {"actions": [action]}},
            {"label": FACTS_LABEL, "data": facts.said()},
            {"label": "cawg.training-mining", "data": {"entries": {one: {"use": "notAllowed"} for one in refused}}},
        ],
    }


def _library() -> Any:  # Any: c2pa is annotated in part, and not installed everywhere
    try:
        import c2pa
    except (ImportError, OSError) as error:  # OSError: its native part does not load here
        mend = 'Run scripts/setup --provenance, or: pip install "vfx-swap[provenance]"'
        raise CannotRunError(f"provenance needs c2pa-python, which does not load: {error}", mend=mend) from error
    return c2pa


def _context(c2pa: Any, trust: str | None) -> Any:
    settings: dict[str, Any] = {
        "builder": {"thumbnail": {"enabled": False}},  # it would hold the frame once more, and 0.5 MB
        "verify": {"remote_manifest_fetch": False, "ocsp_fetch": False},
    }
    if trust:
        settings["trust"] = {"trust_anchors": trust}
    return c2pa.Context(c2pa.Settings.from_dict(settings))


def _kind(where: Path) -> str:
    kind = {**EMBEDDED, **SIDECAR}.get(where.suffix.lower())
    if kind is None:
        takes = " ".join(one[1:] for one in (*EMBEDDED, *SIDECAR))
        raise UsageError(f"{where} is of a kind that cannot be signed", mend=f"These can: {takes}")
    return kind


def _require_free(target: Path, *, overwrite: bool) -> None:
    if target.exists() and not overwrite:
        raise UsageError(f"{target} is there already", mend="--overwrite replaces it")


@contextmanager
def _opened(where: Path) -> Iterator[BinaryIO]:
    try:
        file = where.open("rb")
    except FileNotFoundError as error:
        raise MissingInputError("there is no such file", where=where, mend="Check the path") from error
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror or error}", where=where) from error
    with file:
        yield file
