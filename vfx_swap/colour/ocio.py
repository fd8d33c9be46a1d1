"""OpenColorIO behind one frozen value: conversions, matrices and names, all errors ours.

PyOpenColorIO only. OpenImageIO's wheel carries another OCIO, which cannot open the newest built-in
configs and then returns an errored picture without raising; so no colour goes through it.
"""

from __future__ import annotations

import difflib
import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import PyOpenColorIO as ocio

from vfx_swap.arrays import FloatArray, check_array
from vfx_swap.errors import ColourSpaceError

__all__ = ["BUILTIN_CONFIG", "LINEAR_REC709", "ColourConfig", "load_config"]

BUILTIN_CONFIG = "ocio://studio-config-v4.0.0_aces-v2.0_ocio-v2.5"
"""The pinned config when the user names none: by full name, so that a newer OCIO does not change it."""

LINEAR_REC709 = "lin_rec709_scene"
"""Interop ID of scene-linear Rec.709, an alias in the built-in configs."""

_OcioError = (ocio.Exception, ocio.ExceptionMissingFile)


@dataclass(frozen=True, eq=False)
class ColourConfig:
    """An OCIO config. Names are colour spaces, aliases or roles; case does not matter to OCIO.

    A name the user's config lacks but the pinned built-in config knows (`ACEScg`, `lin_rec709_scene`)
    is still served, through the config's interchange role: a studio config need not name everything
    this tool needs.
    """

    source: str
    """Where it came from: a path, or an `ocio://` name."""
    digest: str
    """SHA-256 of the config's text, for render logs. LUT files are no part of it: see `conversion_digest`."""
    _config: Any = field(repr=False)
    _builtin: Any = field(repr=False)

    def names(self) -> tuple[str, ...]:
        """All colour spaces of the config, in its order."""
        return tuple(space.getName() for space in self._config.getColorSpaces())

    def has(self, name: str) -> bool:
        """Whether a name can be used here."""
        return self._find(name) is not None

    def canonical(self, name: str) -> str:
        """The config's own name for a colour space, alias or role.

        Raises:
            ColourSpaceError: unknown.
        """
        return str(self._space(name)[0].getName())

    def is_scene_linear(self, name: str) -> bool:
        """Whether a space holds scene-linear light.

        Raises:
            ColourSpaceError: unknown name.
        """
        space, config = self._space(name)
        if space.isData():
            return False
        if space.getEncoding():
            return bool(space.getEncoding() == "scene-linear")
        # Configs older than OCIO 2 state no encoding: let OCIO probe the transform.
        return bool(config.isColorSpaceLinear(space.getName(), ocio.REFERENCE_SPACE_SCENE))

    def scene_linear_for(self, name: str) -> str:
        """The scene-linear space to work in for a plate: itself if it is one, else the `scene_linear` role's.

        Raises:
            ColourSpaceError: unknown name, or a config without that role.
        """
        if self.is_scene_linear(name):
            return self.canonical(name)
        space = self._config.getColorSpace(ocio.ROLE_SCENE_LINEAR)
        if space is None:
            raise ColourSpaceError(
                "the OCIO config has no scene_linear role",
                where=self.source,
                mend="Add the role, or use the built-in config by unsetting OCIO.",
            )
        return str(space.getName())

    def convert(self, rgb: FloatArray, *, source: str, destination: str) -> FloatArray:
        """A converted copy, with OCIO's lossless optimisation.

        Args:
            rgb: (height, width, 3) float32, unbounded.
            source: space the values are in.
            destination: space wanted.

        Returns:
            (height, width, 3) float32, unbounded; the same bits when the spaces are one.

        Raises:
            ColourSpaceError: an unknown space, or no way between the two.
        """
        check_array("rgb", rgb, shape=(None, None, 3))
        out = np.array(rgb, dtype=np.float32, order="C", copy=True)
        processor = self._processor(source, destination)
        if processor.isNoOp() or not out.size:
            return out
        try:
            processor.getOptimizedCPUProcessor(
                ocio.BIT_DEPTH_F32, ocio.BIT_DEPTH_F32, ocio.OPTIMIZATION_LOSSLESS
            ).applyRGB(out)
        except _OcioError as error:
            raise self._no_way(source, destination, error) from error
        return out

    def matrix(self, *, source: str, destination: str) -> np.ndarray:
        """The 3x3 matrix between two linear spaces: `destination = matrix @ source`, float64.

        Raises:
            ColourSpaceError: an unknown space, or one of the two is not linear.
        """
        processor = self._processor(source, destination)
        total: Any = np.eye(3)
        for op in processor.createGroupTransform():
            plain = isinstance(op, ocio.MatrixTransform) and op.getDirection() == ocio.TRANSFORM_DIR_FORWARD
            if not plain or any(op.getOffset()):
                raise ColourSpaceError(
                    f"there is no plain matrix from {source!r} to {destination!r}",
                    where=self.source,
                    mend="Give two scene-linear colour spaces.",
                )
            step: Any = np.asarray(op.getMatrix(), dtype=np.float64).reshape(4, 4)[:3, :3]
            total = step @ total
        matrix: np.ndarray = total
        return matrix

    def conversion_digest(self, *, source: str, destination: str) -> str:
        """What a conversion is known by: the same by whatever names and folders, another with another LUT.

        Raises:
            ColourSpaceError: an unknown space, or no way between the two.
        """
        return str(self._processor(source, destination).getCacheID())

    def near(self, name: str) -> tuple[str, ...]:
        """Up to three names of the config that look like one it does not know."""
        pool: dict[str, str] = {}
        for space in self._config.getColorSpaces():
            for known in (space.getName(), *space.getAliases()):
                pool.setdefault(known.casefold(), known)
        return tuple(pool[key] for key in difflib.get_close_matches(name.casefold(), pool, n=3, cutoff=0.5))

    def _find(self, name: str) -> tuple[Any, Any] | None:
        """A space and the config that knows it: the user's (by any name the built-in has for it), else the built-in."""
        if not name:
            return None
        space = self._config.getColorSpace(name)
        if space is not None:
            return space, self._config
        standard = self._builtin.getColorSpace(name)
        if standard is None:
            return None
        for other in (standard.getName(), *standard.getAliases()):
            space = self._config.getColorSpace(other)
            if space is not None:
                return space, self._config
        return standard, self._builtin

    def _space(self, name: str) -> tuple[Any, Any]:
        found = self._find(name)
        if found is None:
            near = self.near(name)
            mend = (
                f"Did you mean {' or '.join(repr(other) for other in near)}?"
                if near
                else "`vfx-swap doctor` lists the config's spaces."
            )
            raise ColourSpaceError(f"the OCIO config knows no colour space {name!r}", where=self.source, mend=mend)
        return found

    def _processor(self, source: str, destination: str) -> Any:
        first, first_config = self._space(source)
        second, second_config = self._space(destination)
        try:
            if first_config is second_config:
                return first_config.getProcessor(first.getName(), second.getName())
            return ocio.Config.GetProcessorFromConfigs(first_config, first.getName(), second_config, second.getName())
        except _OcioError as error:
            raise self._no_way(source, destination, error) from error

    def _no_way(self, source: str, destination: str, error: Exception) -> ColourSpaceError:
        return ColourSpaceError(
            f"cannot convert from {source!r} to {destination!r}: {error}",
            where=self.source,
            mend="Choose another colour space, or a config that defines both and the aces_interchange role.",
        )


def load_config(path: str | Path | None = None, *, environ: Mapping[str, str] | None = None) -> ColourConfig:
    """Load an OCIO config: the path given, else `$OCIO`, else `BUILTIN_CONFIG`.

    Args:
        path: a config file, an archived config or an `ocio://` name.
        environ: where `OCIO` is looked up; None: the process's environment.

    Raises:
        ColourSpaceError: it does not exist or does not parse.
    """
    variables = os.environ if environ is None else environ
    source = str(path) if path is not None else variables.get("OCIO", "").strip() or BUILTIN_CONFIG
    builtin = ocio.Config.CreateFromFile(BUILTIN_CONFIG)
    if source == BUILTIN_CONFIG:
        config = builtin
    else:
        try:
            config = ocio.Config.CreateFromFile(source)
        except _OcioError as error:
            named = "" if path is not None else " named by $OCIO"
            raise ColourSpaceError(
                f"cannot load the OCIO config{named}: {str(error).strip()}",
                where=source,
                mend="Correct the path, or unset OCIO to use the built-in config.",
            ) from error
    text = config.serialize()
    return ColourConfig(
        source=source, digest=hashlib.sha256(text.encode()).hexdigest(), _config=config, _builtin=builtin
    )
