"""Recipes: what a generator is trained by, under a name. Numbers are those of the paper and of its later script."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, Literal, cast

from vfx_swap.errors import UsageError

__all__ = ["RECIPES", "TERMS", "Recipe", "recipe_named", "weighted"]


@dataclass(frozen=True)
class Recipe:
    """Weights of losses, and who judges."""

    name: str
    judge: Literal["patch", "projected"]
    bounded: bool
    """The generator's convention: True: RGB in [0, 1]; False: ImageNet-normalised and linear."""
    identity: float
    reconstruction: float
    """Where both are one person."""
    answers: float
    """Where the true swap is known; no paper's: as much as the reconstruction, which is of the same kind."""
    features: float
    feature_layers: int
    """How many of the last layers are matched."""
    penalty: float
    """Of the gradient; 0: none."""
    rate: float
    betas: tuple[float, float]


TERMS = ("identity", "reconstruction", "answers", "features", "penalty")
"""Terms of a recipe that a run may weigh otherwise."""
RECIPES: Mapping[str, Recipe] = MappingProxyType({
    recipe.name: recipe
    for recipe in (
        # Section 4.1 of the paper; it names no rate: that of the released weights.
        Recipe("paper", "patch", True, 10.0, 10.0, 10.0, 10.0, 2, 1e-5, 2e-4, (0.0, 0.999)),
        Recipe("projected", "projected", False, 30.0, 10.0, 10.0, 10.0, 1, 0.0, 4e-4, (0.0, 0.99)),
    )
})  # fmt: skip


def recipe_named(name: str) -> Recipe:
    """A recipe.

    Raises:
        UsageError: there is none of that name.
    """
    if name not in RECIPES:
        raise UsageError(f"there is no recipe {name!r}", mend=f"Recipes: {', '.join(RECIPES)}")
    return RECIPES[name]


def weighted(recipe: Recipe, **weights: float | None) -> Recipe:
    """The recipe with other weights of its terms; None leaves one as it is.

    Args:
        recipe: one of RECIPES.
        weights: of `identity`, `reconstruction`, `answers`, `features` and the judge's `penalty`.

    Raises:
        UsageError: a weight is negative or no number, or there is no such term.
    """
    given = {name: value for name, value in weights.items() if value is not None}
    for name, value in given.items():
        if name not in TERMS:
            raise UsageError(f"there is no weight of {name}; there are {', '.join(TERMS)}")
        if not 0.0 <= value < float("inf"):
            raise UsageError(f"the weight of {name} is 0 or more, not {value}")
    made: Recipe = replace(recipe, **cast("dict[str, Any]", given))
    return made
