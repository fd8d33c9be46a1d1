"""Signing what a shot's render wrote: the last step of a render, or of a farm's job."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path

from vfx_swap.colour.ocio import load_config
from vfx_swap.errors import MissingInputError, UsageError
from vfx_swap.io.digests import file_sha256
from vfx_swap.io.paths import FramePattern
from vfx_swap.models.devices import open_kernels
from vfx_swap.pipeline.credentials import Credential, load_credential
from vfx_swap.pipeline.engines import open_engine
from vfx_swap.pipeline.provenance import EMBEDDED, SIDECAR, require_library
from vfx_swap.pipeline.provenance_facts import Facts
from vfx_swap.pipeline.provenance_run import sign_outputs
from vfx_swap.pipeline.render_log import RenderLog
from vfx_swap.settings import Shot
from vfx_swap.settings.facility import Facility

__all__ = ["Signer", "facility_signer", "require_signable", "sign_shot"]

HEADED = (".exr", ".png")
"""Kinds whose frames say in their header what they were made of."""


@dataclass(frozen=True)
class Signer:
    """Who signs here, and what the facility asks for."""

    credential: Credential
    facility: Facility


def facility_signer(
    facility: Facility, *, certificate: Path | None = None, key: Path | None = None, now: datetime | None = None
) -> Signer:
    """Who signs: the certificate that is given, else the facility file's.

    Args:
        facility: its table `[provenance]`.
        certificate: chain, PEM; with `key`.
        key: its private key, PEM.
        now: when; None: now.

    Raises:
        UsageError: nothing says what signs, or only one of certificate and key is given.
        CannotRunError: c2pa-python is not installed.
        Others as `load_credential`.
    """
    if (certificate is None) != (key is None):
        raise UsageError("--certificate and --key go together")
    if certificate is None or key is None:
        if facility.provenance is None:
            mend = "Give --certificate and --key, or write [provenance] into the facility file"
            raise UsageError("nothing says what signs", mend=mend)
        certificate, key = Path(facility.provenance.certificate), Path(facility.provenance.key)
    require_library()
    return Signer(load_credential(certificate, key, now=now or datetime.now(UTC)), facility)


def require_signable(shot: Shot) -> None:
    """
    Raises:
        UsageError: what the shot writes is of a kind that cannot be signed.
    """
    kind = FramePattern.parse(shot.output).extension
    if kind not in EMBEDDED and kind not in SIDECAR:
        takes = " ".join(one[1:] for one in (*EMBEDDED, *SIDECAR))
        raise UsageError(f"{shot.output} is of a kind that cannot be signed", mend=f"These can: {takes}")


def sign_shot(shot: Shot, signer: Signer, *, today: date, each: bool = False, overwrite: bool = True) -> Iterator[Path]:
    """Sign what a shot's render wrote: a still, a movie, or all frames of its sequence that are there.

    A still or movie that carries its manifest stays what the render log takes for current, so that the next render
    does not make it again.

    Args:
        shot: the settings.
        signer: of `facility_signer`.
        today: the day of signing.
        each: as `sign_outputs`.
        overwrite: whether manifests that are there are replaced.

    Yields:
        The files written.

    Raises:
        MissingInputError: nothing of the shot was rendered.
        Others as `sign_outputs`.
    """
    require_signable(shot)
    pattern = FramePattern.parse(shot.output)
    frames = pattern.frames_on_disk() if pattern.kind == "sequence" else [0]
    if not frames or not pattern.path(frames[0]).is_file():
        raise MissingInputError("nothing was rendered yet", where=shot.output, mend="Render the shot first")
    headed = pattern.extension in HEADED
    within = [] if pattern.extension in SIDECAR else [pattern.path(one) for one in frames]
    before = {path: file_sha256(path) for path in within}
    signed = sign_outputs(
        [shot.output],
        credential=signer.credential,
        facility=signer.facility,
        today=today,
        consents=[] if headed else [Path(one.identity) for one in shot.cast],
        also=None if headed else _made_by(shot),
        each=each,
        overwrite=overwrite,
    )
    if not before:
        yield from signed
        return
    with RenderLog(folder=pattern.path(frames[0]).parent, name=shot.name) as log:
        # All frames of a movie stand for the one file.
        current = [row for row in log.rows.values() if row.output_digest == before.get(log.folder / row.output)]
        for path in signed:
            now = file_sha256(path)
            for row in current:
                if row.output == path.name:
                    log.append(replace(row, output_digest=now))
            yield path


def _made_by(shot: Shot) -> Facts:
    """What a header would say of the engine: for files that hold none."""
    engine = open_engine(shot, config=load_config(), kernels=open_kernels("cpu"))
    return Facts(engines=frozenset({engine.id}), models=frozenset(engine.digests.items()))
