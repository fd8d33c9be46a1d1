"""What is wrong with a shot that options made, told by the options' names instead of the shot file's keys."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace

from vfx_swap.errors import Problem, SettingsError

__all__ = ["told_by_options"]

_OPTIONS: Mapping[str, str] = {
    "name": "--out",  # a shot of options is called as its output
    "plate": "--plate",
    "output": "--out",
    "frames": "--frames",
    "missing": "--missing",
    "engine": "--engine",
    "colour_space": "--colour-space",
    "matte.garbage_matte": "--garbage-matte",
    "matte.holdout_matte": "--holdout-matte",
    "write.layers": "--layer",
    "network.pixel_boost": "--pixel-boost",
    "network.parser": "--parser",
    "cast": "--cast",
    "cast.performer": "--cast",
    "cast.strength": "--strength",
    "cast.reshape": "--reshape",
}
_INDEX = re.compile(r"\[\d+\]")
_CAST = re.compile(r"cast\[\d+\]")
_POLICY = re.compile(r'set missing = "(\w+)" or "(\w+)"')


@contextmanager
def told_by_options(*, identity: str) -> Iterator[None]:
    """Rename the keys of a SettingsError that the body raises.

    Args:
        identity: the option that named the identity: `--identity` or `--cast`.

    Raises:
        SettingsError: the body's, in the words of the command line.
    """
    try:
        yield
    except SettingsError as error:
        options = {**_OPTIONS, "cast.identity": identity}
        told = dict.fromkeys(_told(one, options) for one in error.problems)  # two keys may be one option
        raise SettingsError(list(told), where=error.where) from error


def _told(problem: Problem, options: Mapping[str, str]) -> Problem:
    key = options.get(_INDEX.sub("", problem.key), problem.key)
    mend = problem.mend
    if mend is not None:
        mend = _POLICY.sub(r"give --missing \1 or \2", mend)
    return replace(problem, key=key, what=_CAST.sub("another --cast", problem.what), mend=mend)
