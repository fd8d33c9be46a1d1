"""Signing what a shot's render wrote: of every kind of output, and a signed file stays current."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from tests.pipeline.c2pa_parts import credential, needs_c2pa
from tests.pipeline.shot_fakes import ALL, TODAY, make_shot, render, write_png
from vfx_swap.errors import MissingInputError, UsageError
from vfx_swap.pipeline.provenance import verify_file
from vfx_swap.pipeline.provenance_run import verify_outputs
from vfx_swap.pipeline.provenance_shot import Signer, facility_signer, sign_shot
from vfx_swap.settings import Shot
from vfx_swap.settings.facility import Facility, ProvenanceSettings

pytestmark = pytest.mark.provenance


@pytest.fixture
def signer(tmp_path: Path) -> Signer:
    needs_c2pa()
    return Signer(credential(tmp_path / "c")[0], Facility())


def of_8_bit(folder: Path, out: str) -> Shot:
    """A shot whose plate is PNG, so that it may become anything."""
    plates = folder / "plates"
    plates.mkdir()
    for number in ALL:
        pixels = np.random.default_rng(number).uniform(0.0, 1.0, (48, 64, 3))
        write_png(plates / f"plate.{number:04d}.png", pixels)
    shot = make_shot(folder, out=out)
    return shot.model_copy(update={"plate": str(plates / "plate.####.png"), "colour_space": "ACEScg"})


def test_an_exr_sequence_has_one_manifest_and_its_frames_stay(tmp_path: Path, signer: Signer) -> None:
    shot = make_shot(tmp_path)
    render(shot)
    (written,) = sign_shot(shot, signer, today=TODAY)
    assert written == tmp_path / "out" / "swap.provenance.json"
    (verdict,) = verify_outputs([shot.output], trust=None)
    assert verdict.state == "unknown_signer"
    assert verdict.made is not None
    assert verdict.made["engines"] == ["reprojection"]
    assert len(list(sign_shot(shot, signer, today=TODAY, each=True))) == len(ALL)
    assert render(shot).skipped == ALL


@pytest.mark.parametrize("kind", ["png", "jpg", "tif"])
def test_stills_are_signed_in_their_place_and_stay_current(tmp_path: Path, signer: Signer, kind: str) -> None:
    shot = of_8_bit(tmp_path, f"out/swap.####.{kind}")
    render(shot)
    assert len(list(sign_shot(shot, signer, today=TODAY))) == len(ALL)
    assert render(shot).skipped == ALL
    assert len(list(sign_shot(shot, signer, today=TODAY))) == len(ALL)  # over manifests that are there
    assert render(shot).skipped == ALL
    verdict = verify_file(tmp_path / "out" / f"swap.0003.{kind}", trust=None)
    assert verdict.state == "unknown_signer"
    assert verdict.made is not None
    assert len(verdict.made["consent_sha256"]) == 1
    assert verdict.made["engines"] == ["reprojection"]
    if kind != "png":  # no header: what the engine is made of here
        assert verdict.made["models"]


def test_a_still_that_was_touched_since_is_rendered_again(tmp_path: Path, signer: Signer) -> None:
    shot = of_8_bit(tmp_path, "out/swap.####.png")
    render(shot)
    path = tmp_path / "out" / "swap.0002.png"
    path.write_bytes((tmp_path / "out" / "swap.0003.png").read_bytes())
    list(sign_shot(shot, signer, today=TODAY))
    assert render(shot).rendered == (2,)


def test_a_movie_says_by_its_shot_what_it_was_made_of(tmp_path: Path, signer: Signer) -> None:
    shot = of_8_bit(tmp_path, "out/swap.mp4")
    render(shot)
    assert list(sign_shot(shot, signer, today=TODAY)) == [tmp_path / "out" / "swap.mp4"]
    verdict = verify_file(tmp_path / "out" / "swap.mp4", trust=None)
    assert verdict.state == "unknown_signer"
    assert verdict.made is not None
    assert verdict.made["engines"] == ["reprojection"]
    assert len(verdict.made["consent_sha256"]) == 1
    assert render(shot).skipped == ALL


def test_what_is_not_there_or_has_no_signer_is_told(tmp_path: Path, signer: Signer) -> None:
    with pytest.raises(MissingInputError, match="nothing was rendered yet"):
        list(sign_shot(make_shot(tmp_path), signer, today=TODAY))
    with pytest.raises(MissingInputError, match="nothing was rendered yet"):
        list(sign_shot(make_shot(tmp_path, out="out/swap.mp4"), signer, today=TODAY))
    with pytest.raises(UsageError, match="kind that cannot be signed"):
        list(sign_shot(make_shot(tmp_path, out="out/swap.####.tga"), signer, today=TODAY))
    with pytest.raises(UsageError, match="nothing says what signs"):
        facility_signer(Facility())
    with pytest.raises(UsageError, match="go together"):
        facility_signer(Facility(), certificate=tmp_path / "c" / "certificate.pem")


def test_the_facility_file_says_who_signs(tmp_path: Path, signer: Signer) -> None:
    folder = tmp_path / "c"
    named = ProvenanceSettings(certificate=str(folder / "certificate.pem"), key=str(folder / "key.pem"))
    here = facility_signer(Facility(provenance=named), now=datetime.now(UTC))
    assert here.credential.chain == signer.credential.chain
