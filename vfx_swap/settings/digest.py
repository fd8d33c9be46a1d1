"""One digest for all that changes a shot's pixels: the same digest, the same picture from the same plate."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vfx_swap.errors import InputError, MissingInputError
from vfx_swap.settings.shot import DEFAULT_ENGINE, Shot

__all__ = ["file_sha256", "settings_digest"]

_NO_PIXELS = {"schema_", "name", "plate", "output", "frames", "missing", "qc"}
"""Keys that say what is rendered, where it goes and what is thought of it, not how. The plate's frames have digests."""


def settings_digest(shot: Shot, *, extra: Mapping[str, str] | None = None) -> str:
    """SHA-256 over canonical JSON of all settings that change pixels.

    Files enter by their content, not by their path, so that a shot moved to another disk keeps its digest.

    Args:
        shot: the settings.
        extra: label -> digest or name of what else decides the pixels: tracks, models, the OCIO config, the
            colour space that was settled on, the version of the tool.

    Returns:
        64 hexadecimal digits.

    Raises:
        MissingInputError: a file of the cast or the lighting is gone.
        InputError: such a file cannot be read.
    """
    values: dict[str, Any] = shot.model_dump(exclude=_NO_PIXELS, mode="json")
    for cast in values["cast"]:
        cast["identity"] = file_sha256(cast["identity"])
        cast["performer"] = None if cast["performer"] is None else file_sha256(cast["performer"])
    environment = values["lighting"]["environment"]
    values["lighting"]["environment"] = None if environment is None else file_sha256(environment)
    for key in ("holdout_matte", "garbage_matte"):  # their frames have digests, as the plate's
        values["matte"][key] = values["matte"][key] is not None
    values["matte"]["holdout"] = sorted(set(values["matte"]["holdout"]))
    values["write"]["layers"] = sorted(set(values["write"]["layers"]))
    if shot.engine == DEFAULT_ENGINE:
        del values["network"]
    values["extra"] = dict(extra or {})
    text = json.dumps(_plain_zeros(values), sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def file_sha256(path: str | Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal.

    Raises:
        MissingInputError: there is no such file.
        InputError: it cannot be read.
    """
    try:
        with Path(path).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError as error:
        raise MissingInputError("there is no such file", where=path, mend="Check the path") from error
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", where=path, mend="Check its permissions") from error


def _plain_zeros(value: Any) -> Any:
    """-0.0 as 0.0: the two are one setting and must give one digest."""
    if isinstance(value, dict):
        return {key: _plain_zeros(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain_zeros(item) for item in value]
    return value + 0.0 if isinstance(value, float) else value
