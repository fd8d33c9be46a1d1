"""A network as tensors by role in, tensors by role out, whoever computes it: ONNX Runtime or torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from vfx_swap.errors import DeviceError, ModelMismatchError, UsageError
from vfx_swap.models.cards import Card
from vfx_swap.models.registry import LoadOptions
from vfx_swap.models.runtimes.onnx_session import device_index, import_onnxruntime, open_session
from vfx_swap.models.torch_kernels.device import inference, to_device

__all__ = ["OnnxRunner", "Runner", "Tensor", "TorchRunner", "open_onnx", "open_torch_network", "run_batch"]

Tensor: TypeAlias = NDArray[Any]
KEPT_BYTES = 1 << 16
"""Largest tensor that is compared with the last one instead of being sent again: vectors, not pictures."""
_IMAGE_WORDS = {"tensor(float)": np.float32, "tensor(double)": np.float64, "tensor(float16)": np.float16}


class Runner(Protocol):
    """A network on its device."""

    most: int | None
    """Pictures it takes at once; None: any number."""

    def run(self, inputs: Mapping[str, Tensor], /) -> dict[str, Tensor]:
        """Role -> tensor, float32 where it is a picture or a vector."""
        ...

    @property
    def inputs(self) -> frozenset[str]:
        """Roles it has."""
        ...


class OnnxRunner:
    """A graph in ONNX Runtime. Safe to call from several threads."""

    def __init__(self, *, session: Any, roles: Mapping[str, str], where: object, bind: str = "") -> None:
        """Wrap a session.

        Args:
            session: of ONNX Runtime.
            roles: role -> name in the graph, of its inputs and outputs.
            where: the file, for messages.
            bind: device on which tensors are bound, as `cuda:0`; empty: ONNX Runtime takes and gives plain arrays.

        Raises:
            ModelMismatchError: the graph has other inputs and outputs.
        """
        taken = {one.name: one for one in session.get_inputs()}
        given = [one.name for one in session.get_outputs()]
        self._inputs = {role: name for role, name in roles.items() if name in taken}
        self._outputs = {role: name for role, name in roles.items() if name in given}
        lost = [name for role, name in roles.items() if role not in self._inputs | self._outputs]
        if lost or set(taken) - set(self._inputs.values()):
            raise ModelMismatchError(
                f"the card names {sorted(lost)} and the graph takes {sorted(taken)} and gives {sorted(given)}",
                where=where,
                mend="Add the file again: vfx-swap models add FILE",
            )
        self._dtypes = {role: _IMAGE_WORDS.get(taken[name].type, np.float32) for role, name in self._inputs.items()}
        batches = [taken[name].shape[0] for name in self._inputs.values() if len(taken[name].shape) > 1]
        fixed = [one for one in batches if isinstance(one, int)]
        self.most: int | None = min(fixed) if fixed else None
        self._session = session
        self._where = where
        self._bind = bind
        self._kept: dict[str, tuple[Tensor, Any]] = {}

    @property
    def inputs(self) -> frozenset[str]:
        """Roles it has."""
        return frozenset(self._inputs)

    def run(self, inputs: Mapping[str, Tensor], /) -> dict[str, Tensor]:
        """Role -> tensor. A graph whose batch is fixed is filled up with the last picture.

        Raises:
            ModelMismatchError: it does not take tensors of these shapes.
            DeviceError: it fails while it runs.
        """
        count = max((len(one) for one in inputs.values() if one.ndim > 1), default=1)
        lacks = max((self.most or 1) - count, 0)
        feed = {
            self._inputs[role]: _filled(inputs[role], lacks).astype(self._dtypes[role], copy=False)
            for role in self._inputs
        }
        try:
            answers = self._bound(feed) if self._bind else self._session.run(list(self._outputs.values()), feed)
        except Exception as error:  # ONNX Runtime's exceptions share no public base class
            told = " ".join(str(error).split())
            if type(error).__name__ == "InvalidArgument":
                mend = "Compare the sizes on its card with the file's: vfx-swap models verify"
                raise ModelMismatchError(
                    f"it was fed what it does not take: {told}", where=self._where, mend=mend
                ) from error
            raise DeviceError(f"the network failed: {told}", where=self._where) from error
        return {role: one[:count] if lacks else one for role, one in zip(self._outputs, answers, strict=True)}

    def _bound(self, feed: Mapping[str, Tensor]) -> list[Tensor]:
        """Run on tensors that lie on the device; the identity, the same from frame to frame, goes there once."""
        name, _, number = self._bind.partition(":")
        where = (name, int(number or 0))
        binding = self._session.io_binding()
        for key, tensor in feed.items():
            binding.bind_ortvalue_input(key, self._on_device(key, tensor, *where))
        for key in self._outputs.values():
            binding.bind_output(key, *where)
        self._session.run_with_iobinding(binding)
        answers: list[Tensor] = binding.copy_outputs_to_cpu()
        return answers

    def _on_device(self, key: str, tensor: Tensor, name: str, number: int) -> Any:
        held = self._kept.get(key)  # read once: another thread may put its own there
        if held is not None and held[0].dtype == tensor.dtype and np.array_equal(held[0], tensor):
            return held[1]
        placed = import_onnxruntime().OrtValue.ortvalue_from_numpy(tensor, name, number)
        if tensor.nbytes <= KEPT_BYTES:
            self._kept[key] = (tensor.copy(), placed)
        return placed


def _filled(tensor: Tensor, lacks: int) -> Tensor:
    """With the last row so many times more; what has one axis belongs to no picture."""
    return tensor if not lacks or tensor.ndim == 1 else np.concatenate([tensor, np.repeat(tensor[-1:], lacks, axis=0)])


class TorchRunner:
    """One of our own networks with the user's weights."""

    most: int | None = None

    def __init__(self, *, network: Any, inputs: Sequence[str], output: str, device: Any, half: bool = False) -> None:
        self._network = network.half() if half else network
        self._half = half
        self._inputs = tuple(inputs)
        self._output = output
        self._device = device

    @property
    def inputs(self) -> frozenset[str]:
        """Roles it has."""
        return frozenset(self._inputs)

    def run(self, inputs: Mapping[str, Tensor], /) -> dict[str, Tensor]:
        """Role -> tensor. Of several outputs the first.

        Raises:
            DeviceError: it fails while it runs; torch's words are in it.
        """
        import torch

        kind = torch.float16 if self._half else torch.float32
        fed = [np.array(inputs[role], dtype=np.float32) for role in self._inputs]
        try:
            tensors = [to_device(one, self._device).to(kind) for one in fed]
            with inference(self._device):
                answer = self._network(*tensors)
            first = answer[0] if isinstance(answer, tuple | list) else answer
            return {self._output: first.float().cpu().numpy()}
        except RuntimeError as error:  # torch's own, torch.cuda.OutOfMemoryError among them
            raise DeviceError(f"the network failed: {' '.join(str(error).split())}", where=self._device) from error


def open_onnx(card: Card, files: Mapping[str, Path], options: LoadOptions) -> OnnxRunner:
    """The graph of a user's card, on the device that was asked for.

    Raises:
        ModelMismatchError: the graph is not what the card says.
        DeviceError: the device is not there.
    """
    path = files["graph"]
    session = open_session(
        path.read_bytes(),
        device=options.device,
        threads=options.threads,
        where=path,
        tensorrt=options.runtime == "tensorrt",
        half=card.half,
    )
    index = device_index(options.device)
    bind = "" if index is None else f"cuda:{index}"
    return OnnxRunner(session=session, roles=card.roles, where=path, bind=bind)


def open_torch_network(
    card: Card, files: Mapping[str, Path], options: LoadOptions, *, inputs: Sequence[str], output: str
) -> TorchRunner:
    """One of our networks with the weights of a user's card, every key of them, on the device that was asked for.

    Raises:
        ModelMismatchError: the weights are not that network's.
        UsageError: TensorRT is to run them.
        DeviceError: torch or the device is not there.
        ValueError: the card names no network.
    """
    from vfx_swap.models.bring.safetensors_file import read_safetensors
    from vfx_swap.models.networks import build_network, load_weights
    from vfx_swap.models.torch_kernels.device import open_torch

    if card.weights is None:
        raise ValueError(f"the card {card.id!r} names no network")
    if options.runtime == "tensorrt":
        raise UsageError(
            f"TensorRT runs ONNX graphs, and {card.id!r} has torch weights",
            mend="Export and add the graph (vfx-swap models export), or leave network.runtime out",
        )
    device = open_torch(device_index(options.device))
    network = build_network(card.weights.network)
    load_weights(network, read_safetensors(files["network"]).tensors, where=files["network"])
    half = card.half and device.type == "cuda"
    return TorchRunner(network=network.to(device).eval(), inputs=inputs, output=output, device=device, half=half)


def run_batch(runner: Runner, inputs: Mapping[str, Tensor], *, where: object = None) -> dict[str, Tensor]:
    """Any number of pictures: at once where the network takes that many, else in turns.

    Inputs of one entry serve all pictures.

    Raises:
        ModelMismatchError: the answer holds NaN or infinite numbers.
    """
    count = max(len(one) for one in inputs.values())
    step = runner.most or max(count, 1)
    parts = []
    for start in range(0, count, step):
        stop = min(start + step, count)
        fed = {}
        for role, one in inputs.items():
            piece = np.repeat(one, stop - start, axis=0) if len(one) == 1 and one.ndim > 1 else one[start:stop]
            fed[role] = one if one.ndim == 1 else piece
        parts.append(runner.run(fed))
    answer = {role: np.concatenate([part[role] for part in parts]) for role in parts[0]}
    for role, tensor in answer.items():
        if not np.isfinite(tensor).all():
            raise ModelMismatchError(
                f"it answered numbers that are NaN or infinite ({role})",
                where=where,
                mend="Compare the conventions on its card with docs/models.md; the weights may be damaged",
            )
    return answer
