"""One step of a generator's training: the swap, its judges, its losses, the moving average. Needs torch."""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from vfx_swap.arrays import FloatArray
from vfx_swap.errors import ModelMismatchError, UsageError
from vfx_swap.models.arcface.network import ArcFace
from vfx_swap.models.networks import IMAGENET_MEAN, IMAGENET_STD, load_weights
from vfx_swap.models.simswap.generator import Generator
from vfx_swap.models.training import losses
from vfx_swap.models.training.backbone import TrunkBackbone
from vfx_swap.models.training.checkpoints import StartWeights, read_state, write_network, write_state
from vfx_swap.models.training.crops import Crops
from vfx_swap.models.training.discriminators import MultiScale, Projected
from vfx_swap.models.training.pairs import augmented, draw_answered, draw_batch, other_pictures
from vfx_swap.models.training.recipes import TERMS, recipe_named, weighted
from vfx_swap.models.training.shakes import shake

__all__ = ["GeneratorSettings", "GeneratorTrainer", "swapped_by"]


ANSWERED_EVERY = 4
"""Where true swaps are known every second step of different people has them: the others teach who is nowhere shown."""


@dataclass(frozen=True)
class GeneratorSettings:
    """What decides a run's numbers."""

    recipe: str = "paper"
    width: int = 64
    blocks: int = 9
    batch: int = 8
    accumulate: int = 1
    """Batches to one step."""
    rate: float | None = None
    """Of Adam; None: the recipe's."""
    identity: float | None = None
    """Weight of the identity's loss; None: the recipe's."""
    reconstruction: float | None = None
    """Weight of the reconstruction where both are one person; None: the recipe's."""
    answers: float | None = None
    """Weight of the true swap where the crops bring it; None: the recipe's."""
    features: float | None = None
    """Weight of the matched features; None: the recipe's."""
    penalty: float | None = None
    """Weight of the judge's gradient; None: the recipe's, which is for hundreds of thousands of steps."""
    average: float = 0.999
    """Decay of the moving average of weights, which is what is written."""
    augment: float = 1.0
    shake: float = 0.0
    """How much a swap is shaken before the recogniser sees it (`training.shakes`)."""
    tell: bool = False
    """Whether the judge is told whose face it should be; the patch judge only."""
    seed: int = 0
    half: bool = False
    """Half precision where it is safe (autocast); on CUDA only."""


@dataclass(frozen=True, eq=False)
class _Rows:
    """A batch as the losses take it; pictures (B, 3, H, W) in the generator's space."""

    performer: Tensor
    identity: Tensor
    vector: Tensor
    """(B, latent): what goes in."""
    whose: Tensor | None
    """(B, latent): what the judge is told, of another picture of the same person; None: it is told nothing."""
    wanted: Tensor | None
    """What the swap should be: the performer where both are one person, else the true swap; None: not known."""
    same: bool


class GeneratorTrainer:
    """A run's networks and optimisers. `step` is a function of them and of the step's number alone."""

    def __init__(
        self,
        settings: GeneratorSettings,
        crops: Crops,
        recogniser: ArcFace,
        *,
        device: torch.device,
        also: Sequence[ArcFace] = (),
        backbone: TrunkBackbone | None = None,
        start: StartWeights | None = None,
    ) -> None:
        """Fresh weights by the seed, or those that it starts from.

        Args:
            settings: of the run.
            crops: to train on.
            recogniser: frozen; its vectors are what the generator learns to take.
            device: where it runs.
            also: recognisers, frozen, that judge a swap too: what all of them take for the identity, another one that
                was never asked is likelier to.
            backbone: of the projected judge; None: random features.
            start: the generator's weights to begin with; its judge is fresh all the same.

        Raises:
            UsageError: sizes that do not go together.
            ModelMismatchError: the weights to start from are of another size or convention.
        """
        _check(settings, crops, device)
        recipe = weighted(recipe_named(settings.recipe), **{name: getattr(settings, name) for name in TERMS})
        self.settings, self.recipe, self.crops, self.device = settings, recipe, crops, device
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(settings.seed)
            latent = recogniser.fc.out_features
            self.generator = Generator(
                bounded=recipe.bounded, latent=latent, width=settings.width, blocks=settings.blocks
            ).to(device)
            judge: nn.Module = (
                MultiScale(width=settings.width, side=crops.side, latent=latent if settings.tell else None)
                if recipe.judge == "patch"
                else Projected(backbone=backbone, width=settings.width)
            )
            self.judge = judge.to(device)
        self._start, self._backbone = start, "" if backbone is None else backbone.sha256
        if start is not None:
            self._begin_with(start)
        self.average = copy.deepcopy(self.generator).eval().requires_grad_(False)
        self.recogniser, self._also = recogniser.to(device), [one.to(device) for one in also]
        self._mean = torch.tensor(IMAGENET_MEAN, device=device).reshape(1, 3, 1, 1)
        self._std = torch.tensor(IMAGENET_STD, device=device).reshape(1, 3, 1, 1)
        rate = settings.rate or recipe.rate
        trained = [one for one in self.judge.parameters() if one.requires_grad]
        self._optimisers = {
            "adam_generator": torch.optim.Adam(self.generator.parameters(), lr=rate, betas=recipe.betas),
            "adam_judge": torch.optim.Adam(trained, lr=rate, betas=recipe.betas),
        }
        self._scaler = torch.amp.GradScaler(device.type, enabled=settings.half)

    def step(self, number: int) -> dict[str, float]:
        """Train on the pairs of a step; the terms of its loss by name, unweighted."""
        self.generator.train()
        self.judge.train()
        told: dict[str, list[float]] = {}
        parts = self.settings.accumulate
        rows = [self._rows(number, part) for part in range(parts)]
        by_generator, by_judge = self._optimisers["adam_generator"], self._optimisers["adam_judge"]
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.settings.seed * 1_000_003 + number)
            for optimiser, loss_of in ((by_generator, self._generator_loss), (by_judge, self._judge_loss)):
                optimiser.zero_grad(set_to_none=True)
                for row in rows:
                    with torch.autocast(self.device.type, enabled=self.settings.half):
                        loss, terms = loss_of(row)
                    self._scaler.scale(loss / parts).backward()
                    for name, value in terms.items():
                        told.setdefault(name, []).append(float(value.detach()))
                self._scaler.step(optimiser)
        self._scaler.update()
        self._follow(number)
        return {name: sum(values) / len(values) for name, values in told.items()}

    def swapped(self, performers: FloatArray, identities: FloatArray) -> FloatArray:
        """Swaps by the averaged generator: (b, 3, h, w) in [0, 1] each -> the same."""
        return swapped_by(self.average, self.recogniser)(performers, identities)

    def write(self, folder: Path, *, step: int) -> None:
        """`generator.safetensors`, the moving average, and `state.safetensors` to go on from.

        Raises:
            OutputError: they cannot be written.
        """
        self.write_generator(folder / "generator.safetensors", step=step)
        told = self._facts() | {"step": str(step), "scale": repr(self._scaler.get_scale())}
        write_state(folder / "state.safetensors", modules=self._modules(), optimisers=self._optimisers, facts=told)

    def write_generator(self, path: Path, *, step: int) -> None:
        """The moving average alone.

        Raises:
            OutputError: it cannot be written.
        """
        facts: dict[str, object] = {
            "network": "gen224" if self.recipe.bounded else "genfix",
            "convention": "official" if self.recipe.bounded else "train-script",
            "width": self.settings.width, "blocks": self.settings.blocks, "latent": self.generator.latent,
            "size": self.crops.side, "template": self.crops.template, "recipe": self.recipe.name, "step": step,
            "consents": " ".join(sorted({one.consent_id for one in self.crops.usage.values()})),
            **({} if self._start is None else {"from": self._start.sha256}),
        }  # fmt: skip
        write_network(path, self.average, facts=facts)

    def read(self, folder: Path) -> int:
        """Go on from a folder that `write` wrote; how many steps were done.

        Raises:
            MissingInputError: it holds no state.
            ModelMismatchError: it was begun with other settings, or is not whole.
        """
        told = read_state(
            folder / "state.safetensors", modules=self._modules(), optimisers=self._optimisers, facts=self._facts()
        )
        if self.settings.half:
            self._scaler.load_state_dict(self._scaler.state_dict() | {"scale": float(told["scale"])})
        return int(told["step"])

    def _modules(self) -> Mapping[str, nn.Module]:
        return {"generator": self.generator, "average": self.average, "judge": self.judge}

    def _facts(self) -> dict[str, str]:
        told = {key: str(value) for key, value in asdict(self.settings).items()}
        if self._start is not None:
            told["from"] = self._start.sha256
        if self._backbone:
            told["backbone"] = self._backbone
        if self._also:
            told["also"] = " ".join(_digest(one) for one in self._also)
        if self.crops.answers is None:
            told.pop("answers")
        else:
            told["known"] = str(len(self.crops.answers.rows))
        return told | {"side": str(self.crops.side), "crops": str(len(self.crops.labels))}

    def _begin_with(self, start: StartWeights) -> None:
        wanted = "official" if self.recipe.bounded else "train-script"
        if start.convention != wanted:
            raise ModelMismatchError(
                f"weights of the convention {start.convention!r}; recipe {self.recipe.name!r} trains {wanted!r}",
                where=start.path,
                mend="Train official weights with --recipe paper, those of the training script with projected",
            )
        load_weights(self.generator, start.tensors, where=start.path)

    def _rows(self, number: int, part: int) -> _Rows:
        settings, crops = self.settings, self.crops
        # Parts of one step are of one kind, as the step is: only the seed tells them apart.
        seed = settings.seed + 7_919 * part
        draw: dict[str, int] = {"size": settings.batch, "seed": seed, "step": number}
        if crops.answers is not None and self.recipe.answers and number % ANSWERED_EVERY == ANSWERED_EVERY - 1:
            batch = draw_answered(crops.labels, crops.answers, **draw)
        else:
            batch = draw_batch(crops.labels, casting=crops.casting, **draw)
        chosen = [batch.performers, batch.identities]
        if settings.tell:
            chosen.append(other_pictures(crops.labels, batch.identities, seed=seed, step=number))
        looks = [
            augmented(crops.pictures[rows], seed=seed, step=number, stream=stream, amount=settings.augment)
            for stream, rows in enumerate(chosen)
        ]
        performer, identity, *others = (torch.from_numpy(look).to(self.device) for look in looks)
        with torch.no_grad():
            vector = self._vector(identity)
            # Of another picture: told the vector of the very picture, the judge would compare pixels and not people.
            whose = self._vector(others[0]) if others else None
            wanted = performer if batch.same else None
            if crops.answers is not None and batch.answers is not None:
                # Mirrored and graded as its performer is: the stream is the performer's.
                true = crops.answers.pictures[batch.answers]
                look = augmented(true, seed=seed, step=number, stream=0, amount=settings.augment)
                wanted = torch.from_numpy(look).to(self.device)
        own = None if wanted is None else self._own(wanted)
        return _Rows(self._own(performer), self._own(identity), vector, whose, own, batch.same)

    def _generator_loss(self, row: _Rows) -> tuple[Tensor, dict[str, Tensor]]:
        recipe = self.recipe
        fake = self.generator(row.performer, row.vector)
        scores, fake_features = self.judge(fake, row.whose)
        with torch.no_grad():
            _, features = self.judge(row.performer if row.wanted is None else row.wanted, row.whose)
        terms = {
            "identity": self._identity_loss(fake, row),
            "features": losses.feature_matching(features, fake_features, last=recipe.feature_layers),
            "adversarial": losses.hinge_generator(scores),
        }
        total = recipe.identity * terms["identity"] + recipe.features * terms["features"] + terms["adversarial"]
        if row.wanted is not None:
            name, weight = ("reconstruction", recipe.reconstruction) if row.same else ("answers", recipe.answers)
            terms[name] = losses.reconstruction(fake, row.wanted)
            total = total + weight * terms[name]
        return total, terms

    def _identity_loss(self, fake: Tensor, row: _Rows) -> Tensor:
        """Mean over the recognisers."""
        shaken = shake(self._plain(fake), amount=self.settings.shake)
        terms = [losses.identity_loss(self._vector(shaken), row.vector)]
        for one in self._also:
            with torch.no_grad():
                wanted = self._vector(self._plain(row.identity), by=one)
            terms.append(losses.identity_loss(self._vector(shaken, by=one), wanted))
        return torch.stack(terms).mean()

    def _judge_loss(self, row: _Rows) -> tuple[Tensor, dict[str, Tensor]]:
        # The identity's crops are the real ones: the performer's own would teach to tell pairs apart.
        real, whose = row.identity, row.whose
        with torch.no_grad():
            fake = self.generator(row.performer, row.vector)
        mismatched = self.judge(row.performer, whose)[0] if whose is not None and not row.same else None
        terms = {
            "judge": losses.hinge_discriminator(self.judge(real, whose)[0], self.judge(fake, whose)[0], mismatched)
        }
        total = terms["judge"]
        if self.recipe.penalty:
            mix = torch.rand(len(real), 1, 1, 1).to(self.device)
            terms["penalty"] = losses.gradient_penalty(lambda one: self.judge(one, whose)[0], real, fake, mix)
            total = total + self.recipe.penalty * terms["penalty"]
        return total, terms

    def _own(self, plain: Tensor) -> Tensor:
        """RGB in [0, 1] -> the generator's space."""
        return plain if self.recipe.bounded else (plain - self._mean) / self._std

    def _plain(self, own: Tensor) -> Tensor:
        return own if self.recipe.bounded else own * self._std + self._mean

    def _vector(self, plain: Tensor, *, by: ArcFace | None = None) -> Tensor:
        """RGB in [0, 1] (B, 3, H, W) -> (B, latent) of length 1, by the recogniser or another one."""
        return _vector_of(by or self.recogniser, plain, mean=self._mean, std=self._std)

    def _follow(self, number: int) -> None:
        """Move the average. It warms up, or a short run would keep its first guess: (1 + n) / (10 + n) as in TF."""
        decay = min(self.settings.average, (1.0 + number) / (10.0 + number))
        with torch.no_grad():
            for kept, new in zip(self.average.parameters(), self.generator.parameters(), strict=True):
                kept.lerp_(new, 1.0 - decay)
            for kept, new in zip(self.average.buffers(), self.generator.buffers(), strict=True):
                kept.copy_(new)


def swapped_by(generator: Generator, recogniser: ArcFace) -> Callable[[FloatArray, FloatArray], FloatArray]:
    """A generator as a function of performers and identities, (b, 3, h, w) in [0, 1] each, to swaps.

    Args:
        generator: in evaluation.
        recogniser: the one that it was trained with, on the same device.
    """
    device = next(generator.parameters()).device
    mean = torch.tensor(IMAGENET_MEAN, device=device).reshape(1, 3, 1, 1)
    std = torch.tensor(IMAGENET_STD, device=device).reshape(1, 3, 1, 1)

    def swap(performers: FloatArray, identities: FloatArray) -> FloatArray:
        with torch.no_grad():
            picture = torch.from_numpy(performers).to(device)
            vector = _vector_of(recogniser, torch.from_numpy(identities).to(device), mean=mean, std=std)
            answer = generator(picture if generator.bounded else (picture - mean) / std, vector)
            plain = answer if generator.bounded else answer * std + mean
        result: FloatArray = plain.clamp(0.0, 1.0).float().cpu().numpy()
        return result

    return swap


def _vector_of(recogniser: ArcFace, plain: Tensor, *, mean: Tensor, std: Tensor) -> Tensor:
    size = (recogniser.size, recogniser.size)
    small = nn.functional.interpolate(plain, size, mode="bilinear", antialias=True, align_corners=False)
    return nn.functional.normalize(recogniser((small - mean) / std).float())


def _digest(network: nn.Module) -> str:
    """SHA-256 of its weights, in the order of their names."""
    held = network.state_dict()
    told = hashlib.sha256()
    for name in sorted(held):
        told.update(name.encode() + held[name].cpu().contiguous().numpy().tobytes())
    return told.hexdigest()


def _check(settings: GeneratorSettings, crops: Crops, device: torch.device) -> None:
    if crops.side % 8 or crops.side < 48:
        raise UsageError(
            f"crops of {crops.side} pixels cannot be trained on",
            mend="Prepare them with a --size that 8 divides, of at least 48",
        )
    if settings.answers is not None and crops.answers is None:
        raise UsageError(
            "--answers weighs true swaps, and these crops bring none",
            mend="Prepare them with NAME/answers/OTHER/PICTURE beside the pictures, or leave --answers out",
        )
    if settings.tell and recipe_named(settings.recipe).judge != "patch":
        raise UsageError(
            f"the judge of recipe {settings.recipe!r} cannot be told whose face it should be",
            mend="Leave --tell out, or give --recipe paper",
        )
    if settings.half and device.type != "cuda":
        raise UsageError("half precision is trained on CUDA only", mend="Leave --half out, or give --device cuda")
