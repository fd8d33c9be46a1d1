"""What decides a shot's pixels beside its plate and its faces, as a digest and as every frame's header says it."""

from __future__ import annotations

from collections.abc import Mapping

from vfx_swap import __version__
from vfx_swap.colour.ocio import LINEAR_REC709, ColourConfig
from vfx_swap.pipeline.consent import consent_usage
from vfx_swap.pipeline.engines import Engine
from vfx_swap.settings import Shot, settings_digest
from vfx_swap.types import Identity

__all__ = ["RENDER_REVISION", "base_digest", "shot_header"]

RENDER_REVISION = 8
"""Part of every settings digest; raise it when a change gives other pixels from the same inputs."""


def base_digest(shot: Shot, engine: Engine, config: ColourConfig, *, colour_space: str) -> str:
    """Digest of all that decides a frame but its plate and its faces.

    Args:
        shot: the settings.
        engine: of the shot.
        config: OCIO config.
        colour_space: of the plate's values.
    """
    linear = config.scene_linear_for(colour_space)
    extra = {
        "revision": str(RENDER_REVISION),
        "shot": shot.name,  # seeds the grain
        "engine": engine.id,
        "arithmetic": engine.kernels.arithmetic,
        "ocio": config.digest,
        "colour_space": colour_space,
        # By content: a config's text does not tell when a LUT that it names was changed.
        "to_linear": config.conversion_digest(source=colour_space, destination=linear),
        "from_linear": config.conversion_digest(source=linear, destination=colour_space),
        "to_rec709": config.conversion_digest(source=linear, destination=LINEAR_REC709),
        **{f"model {name}": digest for name, digest in engine.digests.items()},
    }
    return settings_digest(shot, extra=extra)


def shot_header(identities: Mapping[str, Identity], engine: Engine) -> dict[str, object]:
    """What every frame's header says. No path, day or machine: the same bits come from any of them."""
    used = {one.sha256: {"sha256": one.sha256, **consent_usage(one)} for one in identities.values()}
    return {
        "schema": "vfx_swap/header.1",
        "version": __version__,
        "engine": engine.id,
        "arithmetic": engine.kernels.arithmetic,
        "models": dict(engine.digests),
        "identities": [used[digest] for digest in sorted(used)],
    }
