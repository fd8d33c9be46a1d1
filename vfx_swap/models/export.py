"""Networks for other programs: ONNX for every one, TorchScript for a generator with one identity in it.

Nothing is written that does not compute what torch does: what the file gives is compared first, for a batch of one
and of three, and refused where it is off by more than `TOLERANCE`. Needs torch.

ONNX is of opset 17, which ONNX Runtime reads since 1.12 and TensorRT since 8.5; it holds all that these networks need
(its newest operator here is Resize of opset 13). It is made by torch's exporter by tracing, which needs no further
package; no size is asked for while tracing but the batch's and the parser's own.
"""

from __future__ import annotations

import io
import json
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vfx_swap.errors import IdentityError, ModelMismatchError, UsageError
from vfx_swap.io.atomic import atomic_write
from vfx_swap.models.networks import IMAGENET_MEAN, IMAGENET_STD, NetworkSpec
from vfx_swap.models.runtimes.onnx_session import open_session
from vfx_swap.models.torch_kernels.device import import_torch

if TYPE_CHECKING:
    from torch import Tensor, nn

__all__ = ["OPSET", "SCHEMA", "TOLERANCE", "Exported", "export_onnx", "export_torchscript"]

OPSET = 17
SCHEMA = "vfx_swap/export.1"
TOLERANCE = 1e-4
"""Greatest difference to torch: absolute, or of the greatest value where that is above 1."""
_BATCHES = (1, 3)
_THREADS = 2


@dataclass(frozen=True)
class Exported:
    """A file that was written."""

    path: Path
    size: int
    """Bytes."""
    off: float
    """Greatest difference to torch that was met, as `TOLERANCE` counts."""
    inputs: Mapping[str, tuple[int | str, ...]]
    """Name -> shape; a word stands for a free length."""
    outputs: tuple[str, ...]


def export_onnx(
    network: nn.Module, spec: NetworkSpec, out: Path, *, size: int | None = None, facts: Mapping[str, str] | None = None
) -> Exported:
    """Write a network as ONNX, float32, any batch, pictures of one size.

    Args:
        network: on the CPU, float32; it is put into evaluation mode.
        spec: what goes in and out.
        out: the file.
        size: side of the pictures; None: the network's own.
        facts: text by name for the file's metadata, beside what is always there.

    Raises:
        UsageError: no picture of this size fits the network.
        ModelMismatchError: ONNX Runtime gives other numbers than torch.
        OutputError: the file cannot be written.
    """
    torch = import_torch()
    import onnx

    side = _side(network, spec, size)
    network.eval()
    buffer = io.BytesIO()
    with torch.no_grad(), _legacy_tracing():
        torch.onnx.export(
            network, tuple(_inputs(network, spec, side=side, batch=2)), buffer, dynamo=False, opset_version=OPSET,
            input_names=list(spec.inputs), output_names=list(spec.outputs),
            dynamic_axes={name: {0: "batch"} for name in (*spec.inputs, *spec.outputs)},
        )  # fmt: skip
    model = onnx.load_from_string(buffer.getvalue())
    onnx.checker.check_model(model)
    onnx.helper.set_model_props(model, {"vfx_swap/export": _metadata(spec, side=side, facts=facts)})
    graph = model.SerializeToString()
    session = open_session(graph, device="cpu", threads=_THREADS, where=out)
    off = 0.0
    for batch in _BATCHES:
        inputs = _inputs(network, spec, side=side, batch=batch)
        found = session.run(None, {name: value.numpy() for name, value in zip(spec.inputs, inputs, strict=True)})
        off = max(off, _off(_answers(torch, network, inputs), found))
    _refuse_if_off(off, out, "ONNX Runtime")
    with atomic_write(out) as temporary:
        temporary.write_bytes(graph)
    shapes: dict[str, tuple[int | str, ...]] = {"picture": ("batch", 3, side, side)}
    if spec.is_generator:
        shapes["identity"] = ("batch", network.latent)
    return Exported(out, len(graph), off, shapes, spec.outputs)


def export_torchscript(
    generator: nn.Module,
    spec: NetworkSpec,
    out: Path,
    *,
    identity: NDArray[np.float32],
    facts: Mapping[str, str] | None = None,
) -> Exported:
    """Write a generator with one identity in it as TorchScript: one picture in, one picture out.

    In and out are (B, 3, H, W) RGB in [0, 1], display-encoded as photographs are, whatever the generator's own
    convention; values outside are clipped. Any H and W: sides are made up to what the generator takes by repeating
    the border, and cut off again. Likeness is best at the generator's own size on a crop aligned to its template.

    Args:
        generator: on the CPU, float32; it is put into evaluation mode.
        spec: what goes in and out.
        out: the file.
        identity: (latent,) the recogniser's vector; it is scaled to length 1.
        facts: text by name for the file's own `vfx_swap.json`, beside what is always there.

    Raises:
        UsageError: the network is no generator.
        IdentityError: the vector has another length than the generator takes, or no direction.
        ModelMismatchError: the file, read back, gives other numbers than torch.
        OutputError: the file cannot be written.
    """
    torch = import_torch()
    if not spec.is_generator:
        raise UsageError(f"{spec.name!r} takes no identity", mend="Export a generator, or another network as .onnx")
    latent = int(generator.latent)
    vector = torch.from_numpy(np.array(identity, np.float32).reshape(1, -1))
    length = float(vector.norm())
    if vector.shape[1] != latent or not np.isfinite(length) or length <= 0.0:
        raise IdentityError(f"a vector of {latent} numbers is needed, got {vector.shape[1]} of length {length:g}")
    from vfx_swap.models.simswap.baked import bake

    generator.eval()
    with torch.no_grad(), _legacy_tracing():
        script = bake(generator, vector / length, normalised=spec.normalised)
        buffer = io.BytesIO()
        extra = {"vfx_swap.json": _metadata(spec, side=spec.size, facts=facts)}
        torch.jit.save(script, buffer, _extra_files=extra)
        content = buffer.getvalue()
        again = torch.jit.load(io.BytesIO(content))
        side, off = 4 * int(generator.side_multiple), 0.0
        for batch, height, width in ((1, side, side), (3, side, side + 5)):
            pictures = torch.rand(batch, 3, height, width, generator=torch.Generator().manual_seed(batch))
            wanted = _plainly(torch, generator, spec, pictures, vector / length)
            off = max(off, _off([wanted], [again(pictures).numpy()]))
    _refuse_if_off(off, out, "TorchScript")
    with atomic_write(out) as temporary:
        temporary.write_bytes(content)
    return Exported(out, len(content), off, {"picture": ("batch", 3, "height", "width")}, ("swapped",))


def _side(network: nn.Module, spec: NetworkSpec, size: int | None) -> int:
    side = spec.size if size is None else size
    own = int(getattr(network, "size", spec.size))
    if spec.fixed_size:
        if size is not None and size != own:
            raise UsageError(f"{spec.name!r} takes pictures of {own} alone, not of {size}", mend="Leave the size out")
        return own
    multiple = int(getattr(network, "side_multiple", 16))
    if side % multiple or side < 3 * multiple:
        raise UsageError(
            f"{spec.name!r} takes no pictures of {side}", mend=f"Name a multiple of {multiple}, at least {3 * multiple}"
        )
    return side


def _inputs(network: nn.Module, spec: NetworkSpec, *, side: int, batch: int) -> list[Tensor]:
    """Pictures in the network's own convention, smooth as faces are, and unit vectors; the same every time."""
    torch = import_torch()
    random = torch.Generator().manual_seed(batch)
    coarse = torch.rand(batch, 3, 8, 8, generator=random)
    smooth = torch.nn.functional.interpolate(coarse, size=(side, side), mode="bilinear", align_corners=True)
    pictures = (smooth + 0.05 * torch.randn(smooth.shape, generator=random)).clamp(0.0, 1.0)
    if spec.normalised:
        mean, std = (torch.tensor(values).reshape(1, 3, 1, 1) for values in (IMAGENET_MEAN, IMAGENET_STD))
        pictures = (pictures - mean) / std
    if not spec.is_generator:
        return [pictures]
    vectors = torch.randn(batch, int(network.latent), generator=random)
    return [pictures, vectors / vectors.norm(dim=1, keepdim=True)]


def _answers(torch: Any, network: nn.Module, inputs: list[Tensor]) -> list[NDArray[np.float32]]:
    with torch.no_grad():
        answer = network(*inputs)
    return [one.numpy() for one in (answer if isinstance(answer, tuple) else (answer,))]


def _plainly(
    torch: Any, generator: nn.Module, spec: NetworkSpec, pictures: Tensor, vector: Tensor
) -> NDArray[np.float32]:
    """What the baked file is to give, by numpy's own padding and normalisation around the generator."""
    multiple, (height, width) = int(generator.side_multiple), pictures.shape[2:]
    more = [(0, 0), (0, 0), (0, -height % multiple), (0, -width % multiple)]
    padded = np.pad(pictures.numpy(), more, mode="edge")
    mean, std = (np.array(values, np.float32).reshape(1, 3, 1, 1) for values in (IMAGENET_MEAN, IMAGENET_STD))
    given = (padded - mean) / std if spec.normalised else padded
    answer = _answers(torch, generator, [torch.from_numpy(given), vector.repeat(len(padded), 1)])[0]
    shown = answer * std + mean if spec.normalised else answer
    clipped: NDArray[np.float32] = np.clip(shown, 0.0, 1.0)[:, :, :height, :width]
    return clipped


def _off(wanted: list[NDArray[np.float32]], found: list[NDArray[np.float32]]) -> float:
    """Greatest difference; infinite where shapes differ or a value is no number."""
    worst = 0.0
    for one, other in zip(wanted, found, strict=True):
        if one.shape != other.shape or not np.isfinite(other).all():
            return float("inf")
        worst = max(worst, float(np.abs(one - other).max()) / max(1.0, float(np.abs(one).max())))
    return worst


def _refuse_if_off(off: float, out: Path, runtime: str) -> None:
    if not off <= TOLERANCE:
        raise ModelMismatchError(
            f"not written: {runtime} gives other numbers than torch, off by {off:.2g}; {TOLERANCE:g} is allowed",
            where=out,
            mend="Look whether the weights are finite and of this network; if they are, please report it",
        )


def _metadata(spec: NetworkSpec, *, side: int, facts: Mapping[str, str] | None) -> str:
    pictures = "imagenet" if spec.normalised else "0-1"
    fixed = {"schema": SCHEMA, "network": spec.name, "pictures": pictures, "size": side}
    return json.dumps({**(facts or {}), **fixed}, sort_keys=True)


@contextmanager
def _legacy_tracing() -> Iterator[None]:
    """Without what torch says of tracing as such: that it will go one day, and what it could not fold."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=DeprecationWarning)
        warnings.filterwarnings("ignore", message="Constant folding")
        yield
