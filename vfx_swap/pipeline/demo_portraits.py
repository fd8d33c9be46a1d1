"""The two public-domain portraits of the demo, found in installed packages and checked by digest.

Nothing is downloaded: both files arrive with packages that the default stack needs anyway.

Collins:  Eileen Collins, NASA photograph (a work of the US government), `skimage/data/astronaut.png`.
Hopper:   Grace Hopper, US Navy photograph (a work of the US government), matplotlib's `grace_hopper.jpg`.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import OpenImageIO as oiio

from vfx_swap.arrays import FloatArray, frozen
from vfx_swap.errors import MissingInputError, ModelMismatchError, UnreadableImageError

__all__ = ["COLLINS", "HOPPER", "Portrait", "portrait_landmarks", "portrait_path", "read_portrait"]


@dataclass(frozen=True)
class Portrait:
    """A picture inside an installed package."""

    name: str
    person: str
    package: str
    """Import name of the package that ships it."""
    distribution: str
    """Name to install it by."""
    path: str
    """Path inside the package."""
    sha256: str
    statement: str
    """Why it may be used, for the consent record."""


COLLINS = Portrait(
    name="collins",
    person="Eileen Collins",
    package="skimage",
    distribution="scikit-image",
    path="data/astronaut.png",
    sha256="88431cd9653ccd539741b555fb0a46b61558b301d4110412b5bc28b5e3ea6cb5",
    statement="NASA portrait of astronaut Eileen Collins: a work of the US government, in the public domain",
)
HOPPER = Portrait(
    name="hopper",
    person="Grace Hopper",
    package="matplotlib",
    distribution="matplotlib",
    path="mpl-data/sample_data/grace_hopper.jpg",
    sha256="a8ca6d734765703b09728ab47fe59f473d93ae3967fc24c7c0288c3c7adb7130",
    statement="US Navy portrait of Commodore Grace Hopper: a work of the US government, in the public domain",
)


def portrait_path(portrait: Portrait) -> Path:
    """Where the portrait lies on this machine, once its digest is checked.

    Raises:
        MissingInputError: the package or the file in it is not there.
        ModelMismatchError: the file is not the one the demo was made for.
    """
    spec = importlib.util.find_spec(portrait.package)
    folders = [] if spec is None else list(spec.submodule_search_locations or [])
    found = [path for folder in folders if (path := Path(folder) / portrait.path).is_file()]
    if not found:
        raise MissingInputError(
            f"the portrait of {portrait.person} was not found in package {portrait.package!r}",
            where=portrait.path,
            mend=f"Install it: pip install {portrait.distribution}",
        )
    digest = hashlib.sha256(found[0].read_bytes()).hexdigest()
    if digest != portrait.sha256:
        raise ModelMismatchError(
            f"the portrait of {portrait.person} has sha256 {digest}, expected {portrait.sha256}",
            where=found[0],
            mend=f"Reinstall the locked version of {portrait.distribution}",
        )
    return found[0]


def read_portrait(portrait: Portrait) -> FloatArray:
    """The portrait's pixels as (height, width, 3) float32 in [0, 1], sRGB-encoded as in the file.

    Raises:
        MissingInputError: the package or the file in it is not there.
        ModelMismatchError: the file is not the one the demo was made for.
        UnreadableImageError: the file cannot be decoded.
    """
    path = portrait_path(portrait)
    picture = oiio.ImageBuf(str(path))
    pixels = picture.get_pixels(oiio.FLOAT)
    if picture.has_error or pixels is None:
        raise UnreadableImageError(f"cannot be decoded: {picture.geterror()}", where=path)
    return np.ascontiguousarray(pixels[..., :3], dtype=np.float32)


def portrait_landmarks() -> FloatArray:
    """The 478 landmarks of the Collins portrait: (478, 3) pixels of the file, z smaller is nearer.

    Found once with MediaPipe's face landmarker on a crop of twice the face, and kept beside this module
    so that the demo shot does not depend on a model or on the machine it runs on
    (`scripts/benchmarks/portrait_landmarks.py` makes the file anew).
    """
    text = (Path(__file__).parent / "demo_landmarks.json").read_text(encoding="utf-8")
    points = np.asarray(json.loads(text)["points"], dtype=np.float32)
    frozen(points)
    return points
