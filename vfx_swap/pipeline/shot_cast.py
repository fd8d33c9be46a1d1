"""The castings of a shot made ready: every cast track with its swapper and what that prepared of the identity."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from functools import partial
from typing import Any

from vfx_swap.colour.ocio import ColourConfig
from vfx_swap.errors import IdentityError
from vfx_swap.geometry.shapes import neutral_shape
from vfx_swap.models.face_light import FaceSurface
from vfx_swap.models.protocols import UnderLight
from vfx_swap.pipeline.consent import check_consent
from vfx_swap.pipeline.engines import Engine, face_at_rest, face_mesh
from vfx_swap.pipeline.identity_file import load_identity
from vfx_swap.pipeline.relight import Relight, open_environment, wants_relight
from vfx_swap.pipeline.render_plan import CastTrack
from vfx_swap.pipeline.shot_plate import ShotPlate
from vfx_swap.pipeline.tracks_file import Tracks
from vfx_swap.pipeline.usage import refusals_on_record
from vfx_swap.settings import Cast, Lighting, Shot
from vfx_swap.types import Identity

__all__ = ["checked", "consenting_identities", "prepare_cast"]


def checked(engine: Engine, identities: Mapping[str, Identity]) -> Engine:
    """The engine; refuses identities that it cannot put on anybody, before anything of the plate is read.

    Args:
        engine: of the shot.
        identities: path -> identity.

    Raises:
        IdentityError: what the engine needs is not in a pack.
    """
    for path, identity in identities.items():
        try:
            if engine.check is not None:
                engine.check(identity)
        except IdentityError as error:
            mend = error.mend and error.mend.replace("NAME.identity", path)
            raise IdentityError(error.what, where=path, mend=mend) from error
    return engine


def prepare_cast(
    owners: Mapping[int, Cast],
    tracks: Tracks,
    identities: Mapping[str, Identity],
    engine: Engine,
    plate: ShotPlate,
    *,
    lighting: Lighting,
) -> tuple[CastTrack, ...]:
    """Every cast track with its swapper's preparation, in order of track ids.

    Args:
        owners: track id -> casting.
        tracks: of the whole shot.
        identities: path -> identity.
        engine: of the shot.
        plate: of the shot; read where a swapper is fitted to a track.
        lighting: of the shot.
    """
    linear = plate.config.scene_linear_for(plate.colour_space)
    swappers = {id(cast): engine.swapper_for(cast) for cast in owners.values()}
    ready: dict[tuple[int, int], Any] = {}
    cast_tracks = []
    rest = face_at_rest() if any(cast.reshape > 0.0 for cast in owners.values()) else None
    relight = _relight(lighting, engine, plate.config) if owners else None
    for track_id, cast in owners.items():
        track, swapper, fitted = tracks.track(track_id), swappers[id(cast)], ""
        performer = None
        if rest is not None and cast.reshape > 0.0:
            performer = neutral_shape([rest(face.points, face.expression) for face in track.faces.values()])
        # Reshaping is of one performer; without it one preparation serves a crowd cast by `all`.
        key = (id(cast), -1 if performer is None else track_id)
        if key not in ready:
            ready[key] = swapper.prepare(identities[cast.identity], colour_space=linear, performer=performer)
        if engine.fit is not None:
            swapper, fitted = engine.fit(swapper, track, plate)
        lights = tracks.lights.get(track_id, {})
        if lights and isinstance(swapper, UnderLight):
            swapper = swapper.under(lights)
        cast_tracks.append(
            CastTrack(
                track=track,
                swapper=swapper,
                prepared=ready[key],
                strength=cast.strength,
                performer=performer,
                identity_sha256=identities[cast.identity].sha256,
                cuts=frozenset(tracks.cuts),
                fitted=fitted,
                relight=relight,
                lights=lights,
                camera=tracks.camera,
            )
        )
    return tuple(cast_tracks)


def _relight(lighting: Lighting, engine: Engine, config: ColourConfig) -> Relight | None:
    """What relights a shot's answers; None where a grade is all that is asked for."""
    if not wants_relight(lighting, matches=engine.own_light):
        return None
    environment = None if lighting.environment is None else open_environment(lighting.environment, config=config)
    return Relight(
        surface=FaceSurface(face_mesh()),
        environment=environment,
        matches=engine.own_light,
        flat=not engine.own_light and lighting.match == "none",
    )


def consenting_identities(shot: Shot, *, today: date) -> dict[str, Identity]:
    """Path -> identity, every one allowed in this shot today.

    Raises:
        RefusedError: consent is missing, expired, or of another scope.
        InputError: a pack cannot be read.
    """
    identities = {path: load_identity(path) for path in dict.fromkeys(cast.identity for cast in shot.cast)}
    for path, identity in identities.items():
        with refusals_on_record(partial(_alone, identity), shot=shot.name):
            check_consent(identity, today=today, shot_name=shot.name, pack=path)
    return identities


def _alone(identity: Identity) -> tuple[Identity]:
    return (identity,)
