"""One step of a face parser's training: BiSeNet on crops whose regions are known. Needs torch.

crops, regions --> mirrored, turned, scaled, graded --> BiSeNet --> three scores --> hard pixels' cross entropy
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from vfx_swap.arrays import FloatArray
from vfx_swap.errors import ModelMismatchError, UsageError
from vfx_swap.models.bisenet.network import BiSeNet
from vfx_swap.models.bring.safetensors_file import read_safetensors
from vfx_swap.models.networks import IMAGENET_MEAN, IMAGENET_STD, load_weights
from vfx_swap.models.parsing.regions import REGIONS
from vfx_swap.models.training.checkpoints import read_state, write_network, write_state
from vfx_swap.models.training.crops import Crops

__all__ = ["ParserSettings", "ParserTrainer", "hard_pixels", "moved", "open_parser", "poly_rate"]

_ROWS, _LOOKS = 19, 23
"""Streams of the seed."""
_TURN, _SCALE, _SHIFT = 25.0, 0.25, 0.08
"""Augmentation: degrees, share of the size, share of the side. BiSeNet's own scales go to 2: streets, not faces."""
_GAIN, _TINT = 0.3, 0.08
_SURE = 0.7
"""Probability of the true region above which a pixel is easy."""
_LEAST = 16
"""One of so many pixels is trained on, easy or not."""


@dataclass(frozen=True)
class ParserSettings:
    """What decides a run's numbers. Those of the optimiser are the paper's, but for the rate."""

    steps: int
    """That the rate falls over; a resumed run has the same."""
    width: int = 64
    batch: int = 16
    rate: float = 1e-2
    """At the start; of face-parsing.PyTorch, as the paper's 2.5e-2 is for streets."""
    momentum: float = 0.9
    decay: float = 1e-4
    warm_up: int = 100
    """Steps over which the rate rises: the trunk starts from fresh weights."""
    augment: float = 1.0
    seed: int = 0


class ParserTrainer:
    """A run's network and optimiser. `step` is a function of them and of the step's number alone."""

    def __init__(self, settings: ParserSettings, crops: Crops, *, device: torch.device) -> None:
        """Fresh weights by the seed.

        Raises:
            UsageError: the crops have no regions, or are of a size that cannot be trained on.
        """
        if crops.regions is None:
            raise UsageError("these crops have no regions", mend="Prepare them with: train prepare --regions")
        if crops.side % 32:
            raise UsageError(f"crops of {crops.side} pixels cannot be trained on", mend="Prepare a --size that 32 fits")
        self.settings, self.crops, self.device = settings, crops, device
        self._regions = crops.regions
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(settings.seed)
            self.network = BiSeNet(classes=len(REGIONS), width=settings.width).to(device)
        self._mean = torch.tensor(IMAGENET_MEAN, device=device).reshape(1, 3, 1, 1)
        self._std = torch.tensor(IMAGENET_STD, device=device).reshape(1, 3, 1, 1)
        self._sgd = torch.optim.SGD(
            self.network.parameters(), lr=settings.rate, momentum=settings.momentum, weight_decay=settings.decay
        )

    def step(self, number: int) -> dict[str, float]:
        """Train on the crops of a step; the loss of each head, and the share of pixels that were told right."""
        settings = self.settings
        rng = np.random.default_rng([settings.seed, _ROWS, number])
        count = len(self.crops.labels)
        rows = np.sort(rng.choice(count, settings.batch, replace=settings.batch > count))
        looks, labels = moved(
            self.crops.pictures[rows], self._regions[rows], seed=settings.seed, step=number, amount=settings.augment
        )
        wanted = torch.from_numpy(labels.astype(np.int64)).to(self.device)
        for group in self._sgd.param_groups:
            group["lr"] = poly_rate(settings, number)
        self.network.train()
        self._sgd.zero_grad(set_to_none=True)
        heads = self.network((torch.from_numpy(looks).to(self.device) - self._mean) / self._std)
        losses = [hard_pixels(scores, wanted) for scores in heads]
        torch.stack(losses).sum().backward()
        self._sgd.step()
        right = (heads[0].detach().argmax(dim=1) == wanted).float().mean()
        names = ("loss", "loss16", "loss32")
        told = {name: float(loss.detach()) for name, loss in zip(names, losses, strict=True)}
        return told | {"right": float(right)}

    def write(self, folder: Path, *, step: int) -> None:
        """`parser.safetensors` and `state.safetensors` to go on from.

        Raises:
            OutputError: they cannot be written.
        """
        facts: dict[str, object] = {
            "network": "bisenet", "convention": "imagenet", "classes": " ".join(REGIONS), "sides": "picture",
            "width": self.settings.width, "size": self.crops.side, "template": self.crops.template, "step": step,
            "consents": " ".join(sorted({one.consent_id for one in self.crops.usage.values()})),
        }  # fmt: skip
        write_network(folder / "parser.safetensors", self.network, facts=facts)
        told = self._facts() | {"step": str(step)}
        write_state(folder / "state.safetensors", modules=self._modules(), optimisers={"sgd": self._sgd}, facts=told)

    def read(self, folder: Path) -> int:
        """Go on from a folder that `write` wrote; how many steps were done.

        Raises:
            MissingInputError: it holds no state.
            ModelMismatchError: it was begun with other settings, or is not whole.
        """
        path = folder / "state.safetensors"
        told = read_state(path, modules=self._modules(), optimisers={"sgd": self._sgd}, facts=self._facts())
        return int(told["step"])

    def _modules(self) -> Mapping[str, nn.Module]:
        return {"network": self.network}

    def _facts(self) -> dict[str, str]:
        told = {key: str(value) for key, value in asdict(self.settings).items()}
        return told | {"side": str(self.crops.side), "crops": str(len(self.crops.labels))}


def open_parser(path: Path) -> tuple[BiSeNet, int]:
    """A parser as `vfx-swap train parser` writes it, of any width, frozen; and the side of the crops it knows.

    Raises:
        MissingInputError: the file cannot be read.
        ModelMismatchError: it is no parser, or not whole.
    """
    held = read_safetensors(path)
    facts = held.metadata
    if facts.get("network") != "bisenet":
        raise ModelMismatchError(f"the weights of {facts.get('network')!r}, not of a trained parser", where=path)
    try:
        network, size = BiSeNet(width=int(facts["width"])), int(facts["size"])
    except (KeyError, ValueError) as error:
        raise ModelMismatchError(f"its sizes cannot be read ({error})", where=path) from error
    load_weights(network, held.tensors, where=path)
    network.eval().requires_grad_(False)
    return network, size


def hard_pixels(scores: Tensor, wanted: Tensor) -> Tensor:
    """Mean cross entropy of the pixels that are hard: Shrivastava et al., "OHEM" (CVPR 2016), for each pixel.

    Hard is what is less than 70 % sure of its region, and at least the hardest sixteenth.

    Args:
        scores: (B, classes, H, W).
        wanted: (B, H, W) int64.

    Returns:
        A scalar.
    """
    losses = nn.functional.cross_entropy(scores, wanted, reduction="none").flatten()
    ordered = losses.sort(descending=True).values
    least = max(1, len(ordered) // _LEAST)
    hard = int((ordered.detach() > -np.log(_SURE)).sum())
    return ordered[: max(least, hard)].mean()


def poly_rate(settings: ParserSettings, step: int) -> float:
    """The rate of a step: Yu et al., "BiSeNet" (ECCV 2018), 4.1: (1 - step / steps) ^ 0.9, after a linear rise."""
    risen = min(1.0, (step + 1) / max(settings.warm_up, 1))
    return settings.rate * risen * float((1.0 - min(step / settings.steps, 1.0)) ** 0.9)


def moved(
    pictures: NDArray[np.uint8], regions: NDArray[np.uint8], *, seed: int, step: int, amount: float
) -> tuple[FloatArray, NDArray[np.uint8]]:
    """Pictures and their regions, each mirrored or not, turned, scaled, shifted; pictures graded too.

    Args:
        pictures: (b, side, side, 3) uint8.
        regions: (b, side, side) uint8 indices of `REGIONS`.
        seed: of the run.
        step: from 0.
        amount: 0: as they are; 1: mirrored half of the time, to 25 degrees, 25 % of the size, 8 % of the side, 30 %
            of the light.

    Returns:
        (b, 3, side, side) float32 in [0, 1], and (b, side, side) uint8; left and right are those of the picture shown.
    """
    rng = np.random.default_rng([seed, _LOOKS, step])
    count, side = pictures.shape[:2]
    mirrored = np.asarray(rng.random(count) < 0.5 * min(amount, 1.0))
    draws = amount * rng.uniform(-1.0, 1.0, (count, 4))
    light = 1.0 + amount * (_GAIN * rng.uniform(-1.0, 1.0, (count, 1)) + _TINT * rng.uniform(-1.0, 1.0, (count, 3)))
    looks, labels = np.empty((count, side, side, 3), np.float32), np.empty((count, side, side), np.uint8)
    for index in range(count):
        look, label = np.asarray(pictures[index]), np.asarray(regions[index])
        if mirrored[index]:
            look, label = look[:, ::-1], np.take(_OTHER_SIDE, label[:, ::-1])
        if amount:
            matrix = _matrix(draws[index], side)
            look = cv2.warpAffine(np.ascontiguousarray(look), matrix, (side, side), borderMode=cv2.BORDER_REPLICATE)
            label = cv2.warpAffine(
                np.ascontiguousarray(label), matrix, (side, side), flags=cv2.INTER_NEAREST,
                borderMode=cv2.BORDER_REPLICATE,
            )  # fmt: skip
        looks[index] = np.clip(look.astype(np.float32) / 255.0 * light[index].astype(np.float32), 0.0, 1.0)
        labels[index] = label
    return np.ascontiguousarray(looks.transpose(0, 3, 1, 2)), labels


def _matrix(draws: Sequence[float] | NDArray[np.float64], side: int) -> NDArray[np.float64]:
    """(2, 3) a similarity about the middle, of four draws in [-1, 1]."""
    middle, scale = 0.5 * (side - 1), (1.0 + _SCALE) ** draws[1]
    matrix = cv2.getRotationMatrix2D((middle, middle), _TURN * draws[0], float(scale))
    matrix[:, 2] += _SHIFT * side * np.asarray(draws[2:4])
    return np.asarray(matrix, np.float64)


def _swapped_sides() -> NDArray[np.uint8]:
    other = {name: name.replace("l_", "r_", 1) for name in REGIONS if name.startswith("l_") and name != "l_lip"}
    other |= {right: left for left, right in other.items()}
    return np.array([REGIONS.index(other.get(name, name)) for name in REGIONS], np.uint8)


_OTHER_SIDE = _swapped_sides()
"""Index of a region -> its index in the mirrored picture."""
