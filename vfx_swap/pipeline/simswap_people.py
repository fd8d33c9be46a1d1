"""Who is meant by the pictures that SimSwap's scripts are given, with consent, and which weights swap them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial
from pathlib import Path

import numpy as np

from vfx_swap.errors import ConsentMissingError, MissingInputError, ModelMismatchError, ModelMissingError, UsageError
from vfx_swap.io.read import read_picture
from vfx_swap.io.write import write_picture
from vfx_swap.models.cards import Card
from vfx_swap.models.identity_vectors import files_here, is_simswap, recogniser_cards
from vfx_swap.models.registry import Registry
from vfx_swap.models.simswap_compat.open import SimSwapModels
from vfx_swap.models.weights import model_folders
from vfx_swap.pipeline.consent import check_consent, consent_from_file, consent_from_options
from vfx_swap.pipeline.identity_file import load_identity
from vfx_swap.pipeline.render_log import FrameRow, RenderLog
from vfx_swap.pipeline.render_steps import timestamp
from vfx_swap.pipeline.simswap import compat_digest, frame_bytes, photograph_bytes
from vfx_swap.pipeline.simswap_cast import Casting, Role, identity_vector, performer_vector
from vfx_swap.pipeline.usage import identity_uses, refusals_on_record, use_on_record
from vfx_swap.settings import file_sha256
from vfx_swap.types import Consent, Identity, SkinTexture

__all__ = ["Person", "check_people", "check_recogniser", "generator_card", "people_of", "roles_of", "swap_aligned"]

PACK = ".identity"
SOURCE, DESTINATION = "SRC_", "DST_"
"""How files of the several-performers scripts begin: who is in the footage, and who goes in."""


@dataclass(frozen=True)
class Person:
    """Who goes in, and on whom."""

    file: Path
    """A picture, or an identity pack."""
    performer: Path | None = None
    """A picture of who is replaced; None: faces are not told apart."""

    @property
    def is_pack(self) -> bool:
        """True for an identity pack, which brings its consent."""
        return self.file.suffix == PACK


def people_of(*, casting: Casting, pic_a: str | None, specific: str, multi: str) -> tuple[Person, ...]:
    """The people that a script's flags mean.

    Args:
        casting: of the script.
        pic_a: `--pic_a_path`.
        specific: `--pic_specific_path`.
        multi: `--multisepcific_dir`.

    Raises:
        UsageError: nobody goes in, or the folder's files do not pair.
        MissingInputError: a file or the folder does not exist.
    """
    if casting == "multispecific":
        people = _pairs(Path(multi))
    elif pic_a is None:
        raise UsageError("who goes in is not said", mend="Give --pic_a_path A")
    else:
        people = (Person(Path(pic_a), Path(specific) if casting == "specific" else None),)
    for path in [one for person in people for one in (person.file, person.performer) if one is not None]:
        if not path.is_file():
            raise MissingInputError("there is no such file", where=path, mend="Check the path")
    return people


def _pairs(folder: Path) -> tuple[Person, ...]:
    if not folder.is_dir():
        raise MissingInputError("there is no such folder", where=folder, mend="Give --multisepcific_dir DIR")
    performers = sorted(folder.glob(f"{SOURCE}*"))
    identities = sorted(folder.glob(f"{DESTINATION}*"))
    if not performers or len(performers) != len(identities):
        raise UsageError(
            f"{len(performers)} files begin with {SOURCE} and {len(identities)} with {DESTINATION}",
            where=folder,
            mend=f"Put a {SOURCE} picture there for who is in the footage, a {DESTINATION} for who goes in, in pairs",
        )
    return tuple(Person(goes_in, seen) for seen, goes_in in zip(performers, identities, strict=True))


def check_people(
    people: Sequence[Person],
    *,
    file: Path | None,
    who: str | None,
    scope: str | None,
    expires: str | None,
    today: date,
    name: str,
) -> dict[Path, Identity]:
    """Everybody who goes in, each with consent for this.

    A pack brings its own record. Pictures have the one that is given: it stands for each of them, by name of file.

    Args:
        people: who goes in.
        file: a consent record.
        who: who vouches.
        scope: the use, in words.
        expires: last day.
        today: the day of the use.
        name: of what is written, compared with a record's projects.

    Returns:
        Path -> identity; those of pictures hold no vector yet.

    Raises:
        ConsentMissingError: a picture without a record.
        RefusedError: a record does not cover this.
        UsageError: a record is given in part, or twice.
    """
    identities: dict[Path, Identity] = {}
    for person in people:
        if person.file in identities:
            continue
        if person.is_pack:
            identity = load_identity(person.file)
        else:
            consent = _record(person.file, file, who, scope, expires, today)
            identity = _of_picture(person.file, consent)
        with refusals_on_record(partial(_alone, identity), shot=name):
            check_consent(identity, today=today, shot_name=name, pack=person.file if person.is_pack else None)
        identities[person.file] = identity
    return identities


def _record(
    picture: Path, file: Path | None, who: str | None, scope: str | None, expires: str | None, today: date
) -> Consent:
    options = {"--consented-by": who, "--scope": scope, "--expires": expires}
    given = [option for option, value in options.items() if value is not None]
    if file is not None:
        if given:
            raise UsageError(f"--consent and {', '.join(given)} exclude each other", mend="The record says it all")
        return consent_from_file(file)
    if who is None or scope is None or expires is None:
        lacking = ", ".join(option for option, value in options.items() if value is None)
        raise ConsentMissingError(
            f"nobody vouches for the consent of the person who goes in ({lacking} missing)",
            where=picture,
            mend="Give --consented-by WHO --scope TEXT --expires DATE, or --consent FILE, or an identity pack in the "
            "picture's place (vfx-swap identity build)",
        )
    return consent_from_options(who=who, scope=scope, expires=expires, performer=picture.stem, valid_from=today)


def _alone(identity: Identity) -> tuple[Identity]:
    return (identity,)


def _of_picture(path: Path, consent: Consent) -> Identity:
    nothing = SkinTexture(np.ones((1, 1, 3), np.float32), np.zeros((1, 1), np.float32), np.ones(3, np.float32))
    return Identity(path.stem, (), nothing, {}, consent, file_sha256(path))


def roles_of(
    people: Sequence[Person], identities: Mapping[Path, Identity], *, models: SimSwapModels, aligned: bool
) -> list[Role]:
    """Everybody with their vectors.

    Args:
        people: who goes in, and on whom.
        identities: of `check_people`.
        models: opened, with the recogniser.
        aligned: True: pictures are crops already.

    Raises:
        NoFaceError: a picture shows no face.
        IdentityError: a pack lacks the vector.
        InputError: a picture cannot be read.
    """
    roles = []
    for person in people:
        identity = identities[person.file]
        if person.is_pack:
            vector = identity_vector(identity, name=models.vector_name, pack=person.file)
        elif aligned:
            vector = models.embedder.embed_crop(photograph_bytes(person.file)).vector
        else:
            vector = _seen(person.file, models)
        performer = None if person.performer is None else _seen(person.performer, models)
        roles.append(Role(identity, vector, performer))
    return roles


def _seen(path: Path, models: SimSwapModels) -> np.ndarray:
    return performer_vector(photograph_bytes(path), detector=models.detector, embedder=models.embedder, where=path)


def swap_aligned(picture: Path, out: Path, *, role: Role, models: SimSwapModels) -> None:
    """`test_one_image`: the generator's answer to a crop, and no more; a log beside it says who went in.

    Args:
        picture: the crop, of the generator's size.
        out: the file to write.
        role: who goes in.
        models: opened.

    Raises:
        UsageError: the picture is of another size.
        InputError: it cannot be read.
        OutputError: the answer cannot be written, or the facility's ledger.
    """
    plate = read_picture(picture)
    crop = frame_bytes(plate)
    if crop.shape[:2] != (models.size, models.size):
        raise UsageError(
            f"the picture is {crop.shape[1]}x{crop.shape[0]}; {models.card.id} takes crops of "
            f"{models.size}x{models.size} that are aligned already",
            where=picture,
            mend="For whole pictures take test_wholeimage_swapsingle",
        )
    planes = np.ascontiguousarray((crop[..., ::-1].astype(np.float32) / np.float32(255.0)).transpose(2, 0, 1))
    answer = models.generator(role.vector)(planes).transpose(1, 2, 0)
    matte = np.ones(crop.shape[:2], np.float32)
    uses = identity_uses([role.identity])
    with (
        RenderLog(folder=out.parent, name=out.stem) as log,
        use_on_record(uses, shot=out.stem, frames=[1]) as used,
    ):
        report = write_picture(out, plate, rgb=np.ascontiguousarray(answer), matte=matte)
        consent = role.identity.consent
        log.append(
            FrameRow(
                frame=1,
                output=out.name,
                input_digest=plate.digest(),
                settings_digest=compat_digest(models, [role], "single", 0.0),
                output_digest=report.sha256,
                finished=timestamp(),
                metrics={"faces": 1, "compat": "simswap", "consent": "" if consent is None else consent.id},
                arithmetic="simswap",
                warnings=tuple(report.warnings),
            )
        )
        used.append(1)


def generator_card(registry: Registry, *, checkpoint: Path, family: str, engine: str | None) -> Card:
    """The card of the generator that a script would load.

    Args:
        registry: every card here.
        checkpoint: where SimSwap looks for it: a file there has to be one that was added.
        family: the card that is taken where no file is there.
        engine: id of a card, whatever else is said; None: none.

    Raises:
        ModelMissingError: the file was not added yet, or none is there at all.
        UsageError: no such card.
    """
    if engine is not None:
        return registry.card(engine, task="swap")
    if checkpoint.is_file():
        digest = file_sha256(checkpoint)
        for card in registry.cards.values():
            if is_simswap(card) and card.brought is not None and card.brought.sha256 == digest:
                return card
        raise ModelMissingError(
            "these weights were not added yet, and nothing is loaded that was not looked through",
            where=checkpoint,
            mend=f"vfx-swap models add {checkpoint} --convention official (train-script where train.py wrote them)",
        )
    card = registry.card(family, task="swap")
    if not files_here(card, folders=model_folders()):
        raise ModelMissingError(
            f"there is no {checkpoint}, and nobody added {family}",
            mend="Bring it: vfx-swap models add FILE --convention official; docs/simswap.md says which file",
        )
    return card


def check_recogniser(registry: Registry, generator: Card, file: Path | None) -> None:
    """Refuse a recogniser's file that is not the one that was added.

    Args:
        registry: every card here.
        generator: the swapper's card.
        file: `--Arc_path`; None: what was added.

    Raises:
        MissingInputError: there is no such file.
        ModelMissingError: it was not added yet.
        ModelMismatchError: another one was.
    """
    if file is None:
        return
    digest = file_sha256(file)
    own = recogniser_cards(generator, registry=registry)
    if any(card.brought is not None and card.brought.sha256 == digest for card in own):
        return
    if not any(card.brought is not None for card in own):
        raise ModelMissingError("this recogniser was not added yet", where=file, mend=f"vfx-swap models add {file}")
    raise ModelMismatchError(
        f"this is not the recogniser that was added as {own[0].id}",
        where=file,
        mend=f"Remove that card and say: vfx-swap models add {file}; or leave --Arc_path out",
    )
