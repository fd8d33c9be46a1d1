"""Frames swapped one by one, as they come: a render without a plate on disk.

With the tracks of the shot the bits are those of a render of the whole plate. Without, every frame is worked on by
itself, as `vfx-swap swap` does a still: nothing is smoothed from frame to frame.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any, Literal, TypeAlias

from vfx_swap.colour.decide import decide_colour_space
from vfx_swap.colour.ocio import ColourConfig
from vfx_swap.errors import CannotRunError
from vfx_swap.io.picture import Picture
from vfx_swap.io.sent import OnePicture
from vfx_swap.pipeline.analyse import AnalyseSettings
from vfx_swap.pipeline.drawn import read_drawn
from vfx_swap.pipeline.engines import Engine
from vfx_swap.pipeline.frame_layers import surface_channels, with_layers
from vfx_swap.pipeline.frames import to_frame
from vfx_swap.pipeline.progress import never_cancelled, no_progress
from vfx_swap.pipeline.render_plan import SwapPlan, swapped_at_once
from vfx_swap.pipeline.render_steps import ReadFrame, SwappedFrame, swap_read
from vfx_swap.pipeline.shot import Tools
from vfx_swap.pipeline.shot_cast import checked, consenting_identities, prepare_cast
from vfx_swap.pipeline.shot_digest import base_digest, shot_header
from vfx_swap.pipeline.shot_plate import ShotPlate
from vfx_swap.pipeline.shot_tracks import ModelsOnDemand, cast_shot
from vfx_swap.pipeline.tracks_file import Tracks, load_tracks, rounded_track
from vfx_swap.pipeline.usage import identity_uses, record_usage
from vfx_swap.settings import Cast, Shot
from vfx_swap.types import Identity

__all__ = ["Learnt", "Session", "SessionMode", "open_session"]

SessionMode: TypeAlias = Literal["tracks", "stills"]
Learnt: TypeAlias = Mapping[str, Mapping[str, int]]
"""Frame -> track -> what was measured there; keys are texts, as in JSON."""


def open_session(
    shot: Shot,
    *,
    tracks: str | Path | None,
    colour_space: str | None,
    device: str,
    today: date,
    tools: Tools = Tools(),
    learnt: Learnt | None = None,
) -> Session:
    """A session for frames of a shot.

    Args:
        shot: the settings; its plate and its output are not looked at.
        tracks: the tracks file of the whole shot; None: every frame is a still.
        colour_space: of the frames' values; None: the shot's, else from the first frame's header or kind.
        device: where frames are swapped.
        today: the day that consent is checked for.
        tools: what to work with; its models stay loaded as long as the session is used.
        learnt: of a session that this one goes on with: `Session.learnt`.

    Raises:
        RefusedError: consent is missing, expired, or of another scope.
        UsageError, InputError: settings, identities or tracks are not fit.
        NoFaceError: a cast face is nowhere in the tracks.
        CannotRunError: a model or device is missing, or the engine needs a whole plate.
    """
    identities = consenting_identities(shot, today=today)
    config = tools.load_config()
    engine = checked(tools.open_engine(shot, config=config, kernels=tools.open_kernels(device)), identities)
    if tracks is not None and engine.fit is not None and engine.fitting is None:
        raise CannotRunError(f"engine {engine.id!r} needs the whole plate", mend="Render the shot as a job")
    session = Session(shot, identities, config, engine, device, tools)
    if tracks is not None:
        session.follow(load_tracks(tracks), learnt or {})
    named = colour_space or shot.colour_space
    if named is not None:
        session.settle_colour(named)
    return session


@dataclass(eq=False)
class _Followed:
    """The tracks of a shot, cast, and what has become of them."""

    tracks: Tracks
    owners: Mapping[int, Cast]
    to_see: tuple[int, ...] = ()
    learnt: dict[str, dict[str, int]] = field(default_factory=dict)
    plan: SwapPlan | None = None
    """Made when the colour space is known."""
    fitted: bool = False


class Session:
    """Made by `open_session`. For one thread, but that `swap` may run in as many as `frames_at_once` says."""

    def __init__(
        self,
        shot: Shot,
        identities: Mapping[str, Identity],
        config: ColourConfig,
        engine: Engine,
        device: str,
        tools: Tools,
    ) -> None:
        self._shot = shot
        self._identities = identities
        self._config = config
        self._engine = engine
        self._device = device
        self._tools = tools
        self._followed: _Followed | None = None
        self._colour_space = ""
        self.warnings: list[str] = []

    @property
    def fit_frames(self) -> tuple[int, ...]:
        """Frames that must be seen before any is swapped."""
        return () if self._followed is None else self._followed.to_see

    @property
    def learnt(self) -> Learnt:
        """What the frames that were only seen have told: with it another session goes on where this one is."""
        return {} if self._followed is None else self._followed.learnt

    @property
    def layers(self) -> tuple[str, ...]:
        """Names of the channels of every frame beside rgb and matte, as far as they are known before one is swapped."""
        wanted, owners = self._shot.write.layers, {} if self._followed is None else self._followed.owners
        named = [f"matte.{track}.A" for track in owners] if "matte" in wanted else []
        named += surface_channels(wanted, tracks=tuple(owners)) if self._followed is not None else []
        return (*named, *(f"patch.{name}" for name in "RGBA" if "patch" in wanted))

    @property
    def frames_at_once(self) -> int:
        """Frames that may be swapped side by side now: 1 while anything is still to be learnt from their order."""
        plan = None if self._followed is None else self._followed.plan
        if self._followed is None or plan is None or not (self._engine.fitting is None or self._followed.fitted):
            return 1
        return swapped_at_once(plan)

    def follow(self, tracks: Tracks, learnt: Learnt) -> None:
        """Cast the tracks of a shot, and find which frames the engine must see first."""
        with ModelsOnDemand(self._tools.load_models) as models:
            owners = cast_shot(self._shot, tracks, config=self._config, models=models, progress=no_progress)
        fitting, numbers = self._engine.fitting, set[int]()
        if fitting is not None:
            numbers = {n for track in owners for n in fitting.frames(tracks.track(track), tracks.frames)}
        known = {number: dict(found) for number, found in learnt.items()}
        self._followed = _Followed(tracks, owners, tuple(sorted(numbers)), known)

    def settle_colour(self, name: str) -> None:
        """Settle which space frames come in, and make ready what can be.

        Raises:
            ColourSpaceError: there is none of that name, or no way from it to scene-linear light.
        """
        self._config.scene_linear_for(name)
        self._colour_space = name
        if self._followed is not None:
            self._followed.plan = self._plan_of(self._followed.tracks, self._followed.owners, fit=None)

    def swap(self, number: int, picture: Picture) -> tuple[SwapPlan, SwappedFrame] | None:
        """Swap a frame.

        The first frame that is none of `fit_frames`, or one of them for the second time, ends the seeing: frames that
        were not shown say nothing, as those of a plate that cannot be read.

        Args:
            number: the frame's.
            picture: the frame.

        Returns:
            What decided it, and the frame; None where it was only seen.

        Raises:
            VfxSwapError: it cannot be swapped; others can.
        """
        if not self._colour_space:
            hints = picture.colour_hints
            decision = decide_colour_space(self._config, user=None, hints=hints, kind=picture.kind)
            self.warnings += decision.warnings
            self.settle_colour(decision.name)
        if self._followed is None:
            plan: SwapPlan | None = self._still_plan(number, picture)
        else:
            plan = self._fitted_plan(self._followed, number, picture)
        if plan is None:
            return None
        drawn = read_drawn(plan, number, picture)
        record_usage("streamed", uses=identity_uses(self._identities.values()), shot=self._shot.name, frames=(number,))
        return plan, swap_read(plan, number, ReadFrame(picture, digest="", current=False, seconds=0.0, drawn=drawn))

    def _fitted_plan(self, followed: _Followed, number: int, picture: Picture) -> SwapPlan | None:
        """The plan, once the engine has seen what it must; None: this frame was seen."""
        fitting, plan = self._engine.fitting, followed.plan
        if plan is None or fitting is None or followed.fitted:
            return plan
        if number in followed.to_see and str(number) not in followed.learnt:
            frame = to_frame(picture, number=number, config=self._config, colour_space=self._colour_space)
            followed.learnt[str(number)] = {
                str(one.track.id): fitting.measure(one.swapper, one.track, frame)
                for one in plan.cast
                if number in fitting.frames(one.track, followed.tracks.frames)
            }
            return None
        cast = []
        for one in plan.cast:
            found = [told[str(one.track.id)] for told in followed.learnt.values() if str(one.track.id) in told]
            swapper, fitted = fitting.settle(one.swapper, one.track, found)
            cast.append(replace(one, swapper=swapper, fitted=fitted))
        followed.plan, followed.fitted = replace(plan, cast=tuple(cast)), True
        return followed.plan

    def _still_plan(self, number: int, picture: Picture) -> SwapPlan:
        """The plan of a frame that is worked on by itself: its own tracks, its own fit."""
        plate = self._plate((number,), OnePicture(number, picture))
        with ModelsOnDemand(self._tools.load_models) as models:
            made = self._tools.analyse(
                plate, models=models(), progress=no_progress, cancelled=never_cancelled, settings=AnalyseSettings()
            )
            # Rounded as in the file that a render of this still writes and reads.
            tracks = replace(made, tracks=tuple(rounded_track(track) for track in made.tracks))
            if not tracks.tracks:  # nobody is there: the plate as it is
                return self._plan_of(tracks, {}, fit=None)
            owners = cast_shot(self._shot, tracks, config=self._config, models=models, progress=no_progress)
        return self._plan_of(tracks, owners, fit=plate)

    def _plate(self, frames: tuple[int, ...], plate: Any) -> ShotPlate:
        return ShotPlate(plate, frames, frames, self._config, self._colour_space)

    def _plan_of(self, tracks: Tracks, owners: Mapping[int, Cast], *, fit: ShotPlate | None) -> SwapPlan:
        engine = self._engine if fit is not None else replace(self._engine, fit=None)
        # Without a fit nothing is read of the plate.
        plate = self._plate(tracks.frames, None) if fit is None else fit
        plan = SwapPlan(
            shot=self._shot,
            config=self._config,
            colour_space=self._colour_space,
            cast=prepare_cast(owners, tracks, self._identities, engine, plate, lighting=self._shot.lighting),
            base_digest=base_digest(self._shot, engine, self._config, colour_space=self._colour_space),
            header=shot_header(self._identities, engine),
            swap_frame=self._tools.swap_frame,
            kernels=engine.kernels,
        )
        return with_layers(plan, device=self._device)
