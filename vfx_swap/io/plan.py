"""What is about to be written: parts with their header and planes, before OpenImageIO sees them."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from vfx_swap.io.picture import Part, Spec

__all__ = ["OutPart", "Plan", "fit_spec"]


@dataclass(frozen=True, eq=False)
class OutPart:
    """One part to write."""

    spec: Spec
    """Ours alone: a copy, free to change."""
    planes: dict[str, np.ndarray]
    """Channel name -> (height, width), in the order to write."""

    @classmethod
    def of(cls, part: Part) -> OutPart:
        """All of a plate's part."""
        return cls(part.spec.copy(), {name: part.channel(name) for name in part.channels})


@dataclass(frozen=True, eq=False)
class Plan:
    """A file to write."""

    parts: list[OutPart]
    rgb_part: int
    rgb: tuple[str, str, str]
    bits: int
    """Bits that count in an integer colour sample."""
    carried: list[tuple[int, int]]
    """(index in the plate, index here) of the parts whose header must survive."""
    warnings: list[str] = field(default_factory=list)


def fit_spec(part: OutPart) -> None:
    """Make a spec say what its planes are.

    `spec.format` is set as well as `channelformats`: formats that are all alike but unlike `spec.format`
    are ignored by OpenImageIO (asked for half, float was written).
    """
    spec = part.spec
    names = tuple(part.planes)
    dtypes = [plane.dtype for plane in part.planes.values()]
    spec.nchannels = len(names)
    spec.channelnames = names
    widest = max(dtypes, key=lambda dtype: (dtype.kind == "f", dtype.itemsize))
    spec.set_format(_OIIO_NAMES[widest.name])
    spec.channelformats = tuple(_OIIO_NAMES[dtype.name] for dtype in dtypes) if len(set(dtypes)) > 1 else ()
    alphas = [index for index, name in enumerate(names) if name.rpartition(".")[2].lower() in ("a", "alpha")]
    depths = [index for index, name in enumerate(names) if name.rpartition(".")[2].lower() in ("z", "depth")]
    if spec.alpha_channel >= len(names) or (spec.alpha_channel < 0 and not alphas):
        spec.alpha_channel = alphas[0] if alphas else -1
    if spec.z_channel >= len(names):
        spec.z_channel = depths[0] if depths else -1


_OIIO_NAMES = {
    "float16": "half",
    "float32": "float",
    "float64": "double",
    "uint8": "uint8",
    "uint16": "uint16",
    "uint32": "uint",
    "int8": "int8",
    "int16": "int16",
    "int32": "int",
}
