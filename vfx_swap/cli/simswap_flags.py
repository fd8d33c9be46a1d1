"""SimSwap's nine scripts and their flags, as its users know them."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from vfx_swap.errors import UsageError

if TYPE_CHECKING:
    from vfx_swap.pipeline.simswap_cast import Casting

__all__ = ["DEAD", "SCRIPTS", "Script", "dead_flags", "device_of", "script_named"]


@dataclass(frozen=True)
class Script:
    """One script."""

    casting: Casting
    result: str | None
    """Name of the picture it writes into `--output_path`; None: that is the movie itself."""
    aligned: bool = False
    """Both pictures are crops already: no face is looked for."""


SCRIPTS: Mapping[str, Script] = MappingProxyType(
    {
        "test_one_image": Script("single", "result.jpg", aligned=True),
        "test_wholeimage_swapsingle": Script("single", "result_whole_swapsingle.jpg"),
        "test_wholeimage_swapmulti": Script("all", "result_whole_swapmulti.jpg"),
        "test_wholeimage_swapspecific": Script("specific", "result_whole_swapspecific.jpg"),
        "test_wholeimage_swap_multispecific": Script("multispecific", "result_whole_swap_multispecific.jpg"),
        "test_video_swapsingle": Script("single", None),
        "test_video_swapmulti": Script("all", None),
        "test_video_swapspecific": Script("specific", None),
        "test_video_swap_multispecific": Script("multispecific", None),
    }
)
"""By their file names, without `.py`."""

_WITH_VALUE = (
    *("norm", "data_type", "local_rank", "batchSize", "loadSize", "fineSize", "label_nc", "input_nc", "output_nc"),
    *("dataroot", "resize_or_crop", "nThreads", "max_dataset_size", "display_winsize", "netG", "latent_size", "ngf"),
    *("n_downsample_global", "n_blocks_global", "n_blocks_local", "n_local_enhancers", "niter_fix_global"),
    *("feat_num", "n_downsample_E", "nef", "n_clusters", "image_size", "norm_G", "semantic_nc", "ntest"),
    *("results_dir", "aspect_ratio", "phase", "how_many", "cluster_path", "export_onnx", "engine_path", "onnx"),
    *("isTrain", "temp_path"),
)
_SWITCHES = (
    *("use_dropout", "serial_batches", "no_flip", "tf_log", "no_instance", "instance_feat", "label_feat"),
    *("load_features", "use_encoded_image", "verbose", "fp16", "no_simswaplogo"),
)
DEAD: Mapping[str, bool] = MappingProxyType(
    {**{f"--{name}": True for name in _WITH_VALUE}, **{f"--{name}": False for name in _SWITCHES}}
)
"""Flags that change nothing here -> whether a value follows. Most change nothing in SimSwap either."""
_QUIET = ("--no_simswaplogo", "--verbose")
"""Asked for and so: there is no logo."""


def script_named(name: str) -> Script:
    """A script by its name, with or without `.py`.

    Raises:
        UsageError: there is none.
    """
    found = SCRIPTS.get(name.removesuffix(".py"))
    if found is None:
        raise UsageError(f"SimSwap has no script {name!r}", mend=f"Choose one of: {', '.join(SCRIPTS)}")
    return found


def dead_flags(rest: Sequence[str], *, known: Sequence[str]) -> list[str]:
    """The flags among what is left of a command line, all of which change nothing.

    Args:
        rest: what no option took.
        known: options there are, for near misses.

    Returns:
        Those worth a note.

    Raises:
        UsageError: something that SimSwap's scripts do not know either, or a flag without its value.
    """
    found: list[str] = []
    waiting = list(rest)
    while waiting:
        token = waiting.pop(0)
        flag, has_value, _ = token.partition("=")
        if flag not in DEAD:
            near = difflib.get_close_matches(flag, [*known, *DEAD], n=1)
            mend = f"Did you mean {near[0]}?" if near else "docs/simswap.md lists the flags"
            raise UsageError(f"no such option: {token}", mend=mend)
        if DEAD[flag] and not has_value:
            if not waiting:
                raise UsageError(f"{flag} needs a value", mend="It changes nothing: leave it out")
            waiting.pop(0)
        found.append(flag)
    return [one for one in found if one not in _QUIET]


def device_of(gpu_ids: str | None, device: str | None) -> str:
    """Where networks run: `--device` says it, else `--gpu_ids` (-1: the CPU), else the CPU.

    Raises:
        UsageError: both were given, or no number.
    """
    if gpu_ids is None:
        return device or "cpu"
    if device is not None:
        raise UsageError("--gpu_ids and --device exclude each other", mend="Give --device alone")
    first = gpu_ids.split(",")[0].strip()
    try:
        number = int(first)
    except ValueError as error:
        raise UsageError(f"--gpu_ids {gpu_ids!r} is no list of numbers", mend="Say 0, or -1 for the CPU") from error
    return "cpu" if number < 0 else f"cuda:{number}"
