"""One step of a recogniser's training: ArcFace's margin over the identities of the crops. Needs torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from vfx_swap.errors import UsageError
from vfx_swap.models.arcface.network import ArcFace
from vfx_swap.models.networks import IMAGENET_MEAN, IMAGENET_STD
from vfx_swap.models.training.checkpoints import read_state, write_network, write_state
from vfx_swap.models.training.crops import Crops
from vfx_swap.models.training.losses import margin_logits
from vfx_swap.models.training.pairs import augmented, retoned, shaken

__all__ = ["RecogniserSettings", "RecogniserTrainer"]

ROBUST_AFTER = 1000
"""Steps in which moves grow to their full length: moved far from the start, nobody is told from anybody."""


@dataclass(frozen=True)
class RecogniserSettings:
    """What decides a run's numbers."""

    width: int = 64
    blocks: tuple[int, int, int, int] = (3, 4, 23, 3)
    latent: int = 512
    size: int = 112
    batch: int = 32
    rate: float = 1e-3
    margin: float = 0.3
    scale: float = 16.0
    augment: float = 1.0
    retone: float = 0.0
    """Share of pictures that are shown in other tones: what is left to tell people apart by is their features."""
    robust: float = 0.0
    """How far pictures are moved against the recogniser as it learns: the root mean square of a channel in [0, 1]."""
    seed: int = 0


class _Centres(nn.Module):
    def __init__(self, *, classes: int, latent: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(classes, latent))


class RecogniserTrainer:
    """A run's network, its identities' centres and optimiser."""

    def __init__(self, settings: RecogniserSettings, crops: Crops, *, device: torch.device) -> None:
        """Fresh weights by the seed.

        Raises:
            UsageError: there are fewer than two people, `robust` is outside [0, 0.5] or `retone` outside [0, 1].
        """
        if not 0.0 <= settings.retone <= 1.0:
            raise UsageError(f"retone {settings.retone:g} is outside 0 to 1", mend="Try 0.8")
        if not 0.0 <= settings.robust <= 0.5:
            raise UsageError(f"robust {settings.robust:g} is outside 0 to 0.5", mend="Try 0.01")
        if len(crops.identities) < 2:
            raise UsageError(f"{len(crops.identities)} identity is here; two are the least that can be told apart")
        self.settings, self.crops, self.device = settings, crops, device
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(settings.seed)
            self.network = ArcFace(
                blocks=settings.blocks, width=settings.width, latent=settings.latent, size=settings.size
            ).to(device)
            self._centres = _Centres(classes=len(crops.identities), latent=settings.latent).to(device)
        self._mean = torch.tensor(IMAGENET_MEAN, device=device).reshape(1, 3, 1, 1)
        self._std = torch.tensor(IMAGENET_STD, device=device).reshape(1, 3, 1, 1)
        trained = [*self.network.parameters(), *self._centres.parameters()]
        self._optimisers = {"adam": torch.optim.Adam(trained, lr=settings.rate)}

    def step(self, number: int) -> dict[str, float]:
        """Train on the crops of a step; the loss and how many of them were told right."""
        settings, crops = self.settings, self.crops
        rng = np.random.default_rng([settings.seed, 17, number])
        rows = rng.choice(len(crops.labels), settings.batch, replace=settings.batch > len(crops.labels))
        looks = augmented(crops.pictures[rows], seed=settings.seed, step=number, stream=0, amount=settings.augment)
        if settings.augment > 0.0:
            looks = shaken(looks, seed=settings.seed, step=number, amount=settings.augment)
        if settings.retone:
            looks = retoned(looks, seed=settings.seed, step=number, share=settings.retone)
        labels = torch.from_numpy(crops.labels[rows]).to(self.device)
        pictures = self._reduced(torch.from_numpy(looks).to(self.device))
        optimiser = self._optimisers["adam"]
        with torch.random.fork_rng(devices=[]):  # of the dropout, and of where moves begin
            torch.manual_seed(settings.seed * 1_000_003 + number)
            if settings.robust:
                pictures = self._moved(pictures, labels, share=min(1.0, number / ROBUST_AFTER))
            self.network.train()
            optimiser.zero_grad(set_to_none=True)
            told, loss = self._told(pictures, labels)
        loss.backward()
        optimiser.step()
        return {"loss": float(loss.detach()), "right": float((told.argmax(1) == labels).float().mean())}

    def write(self, folder: Path, *, step: int) -> None:
        """`recogniser.safetensors`, and `state.safetensors` to go on from.

        Raises:
            OutputError: they cannot be written.
        """
        settings = self.settings
        facts: dict[str, object] = {
            "network": "arcface", "width": settings.width, "blocks": " ".join(map(str, settings.blocks)),
            "latent": settings.latent, "size": settings.size, "template": self.crops.template, "step": step,
        }  # fmt: skip
        write_network(folder / "recogniser.safetensors", self.network, facts=facts)
        write_state(
            folder / "state.safetensors",
            modules=self._modules(),
            optimisers=self._optimisers,
            facts=self._facts() | {"step": str(step)},
        )

    def read(self, folder: Path) -> int:
        """Go on from a folder that `write` wrote; how many steps were done.

        Raises:
            MissingInputError: it holds no state.
            ModelMismatchError: it was begun with other settings, or is not whole.
        """
        told = read_state(
            folder / "state.safetensors", modules=self._modules(), optimisers=self._optimisers, facts=self._facts()
        )
        return int(told["step"])

    def _modules(self) -> Mapping[str, nn.Module]:
        return {"network": self.network, "centres": self._centres}

    def _facts(self) -> dict[str, str]:
        told = {key: str(value) for key, value in asdict(self.settings).items()}
        return told | {"side": str(self.crops.side), "identities": " ".join(self.crops.identities)}

    def _told(self, pictures: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Logits (B, people) of pictures (B, 3, size, size) in [0, 1], and their loss."""
        vectors = self.network((pictures - self._mean) / self._std)
        margin, scale = self.settings.margin, self.settings.scale
        told = margin_logits(vectors, self._centres.weight, labels, margin=margin, scale=scale)
        return told, nn.functional.cross_entropy(told, labels)

    def _moved(self, pictures: Tensor, labels: Tensor, *, share: float) -> Tensor:
        """Pictures moved to where the recogniser errs, within a ball of a share of `robust`.

        One step of 1.25 radii from a random place: Wong et al., "Fast is better than free" (ICLR 2020), in L2. The
        gradients of a network trained so run along what eyes see (Santurkar et al., NeurIPS 2019), and a generator
        learns by them alone.
        """
        radius = share * self.settings.robust * pictures[0].numel() ** 0.5
        move = torch.randn_like(pictures)
        move *= radius * torch.rand(len(move), 1, 1, 1, device=move.device) / _lengths(move)
        moved = (pictures + move).requires_grad_(True)
        self.network.eval()
        (slope,) = torch.autograd.grad(self._told(moved, labels)[1], moved)
        move += 1.25 * radius * slope / _lengths(slope)
        move *= (radius / _lengths(move)).clamp(max=1.0)
        return (pictures + move).clamp(0.0, 1.0)

    def _reduced(self, plain: Tensor) -> Tensor:
        size = (self.settings.size, self.settings.size)
        return nn.functional.interpolate(plain, size, mode="bilinear", antialias=True, align_corners=False)


def _lengths(pictures: Tensor) -> Tensor:
    return pictures.flatten(1).norm(dim=1).clamp(min=1e-12)[:, None, None, None]
