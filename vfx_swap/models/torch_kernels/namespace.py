"""numpy's names for what torch calls otherwise, over tensors of one device.

Only what shared code uses: a name that is missing here is an AttributeError in its first test, never a silent
copy to the CPU. Arithmetic keeps numpy's rules: a Python number takes the type of the tensor beside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import DTypeLike

from vfx_swap.models.torch_kernels.device import to_device
from vfx_swap.models.torch_kernels.grain import quantile

if TYPE_CHECKING:
    import torch
    from torch import Tensor

__all__ = ["TorchNamespace"]


@dataclass(frozen=True, eq=False)
class TorchNamespace:
    """The part of numpy that the swap is written with."""

    device: torch.device

    def asarray(self, values: Any) -> Tensor:
        """A tensor of an array, a list or a tensor."""
        import torch

        if isinstance(values, np.ndarray):
            return to_device(values, self.device)
        return torch.as_tensor(values, device=self.device)

    def array(self, values: Tensor) -> Tensor:
        """A copy."""
        return values.clone()

    def float32(self, values: Any) -> Tensor:
        """As float32; a number stays a number, since torch rounds it where it is used."""
        return values if isinstance(values, int | float) else values.float()

    def int64(self, values: Tensor) -> Tensor:
        """As whole numbers, cut off."""
        return values.long()

    def zeros(self, shape: int | Sequence[int], dtype: DTypeLike = np.float32) -> Tensor:
        """Zeros."""
        import torch

        return torch.zeros(shape, dtype=getattr(torch, np.dtype(dtype).name), device=self.device)

    def ones(self, shape: int | Sequence[int], dtype: DTypeLike = np.float32) -> Tensor:
        """Ones."""
        return self.zeros(shape, dtype) + 1

    def zeros_like(self, values: Tensor) -> Tensor:
        """Zeros of the same shape and type."""
        return values.new_zeros(values.shape)

    def where(self, condition: Tensor, one: Any, other: Any) -> Tensor:
        """`one` where the condition holds."""
        import torch

        return torch.where(condition, one, other)

    def copy(self, values: Tensor) -> Tensor:
        """Another tensor of the same values."""
        return values.clone()

    def maximum(self, one: Any, other: Any) -> Tensor:
        """The greater; NaN where either is."""
        if isinstance(one, int | float):
            one, other = other, one
        return one.clamp(min=other) if isinstance(other, int | float) else one.maximum(other)

    def minimum(self, one: Any, other: Any) -> Tensor:
        """The lesser; NaN where either is."""
        if isinstance(one, int | float):
            one, other = other, one
        return one.clamp(max=other) if isinstance(other, int | float) else one.minimum(other)

    def clip(self, values: Tensor, low: float | None, high: float | None) -> Tensor:
        """Held between two numbers."""
        return values.clamp(low, high)

    def isfinite(self, values: Tensor) -> Tensor:
        """Neither inf nor NaN."""
        return values.isfinite()

    def abs(self, values: Tensor) -> Tensor:
        """Without sign."""
        return values.abs()

    def sqrt(self, values: Tensor) -> Tensor:
        """Square root."""
        return values.sqrt()

    def exp(self, values: Tensor) -> Tensor:
        """E to the power."""
        return values.exp()

    def log(self, values: Tensor) -> Tensor:
        """Natural logarithm."""
        return values.log()

    def log2(self, values: Tensor) -> Tensor:
        """Logarithm to base 2."""
        return values.log2()

    def tanh(self, values: Tensor) -> Tensor:
        """Hyperbolic tangent."""
        return values.tanh()

    def hypot(self, one: Tensor, other: Tensor) -> Tensor:
        """Length of the hypotenuse."""
        return one.hypot(other)

    def stack(self, parts: Sequence[Tensor], axis: int = 0) -> Tensor:
        """Joined along a new axis."""
        import torch

        return torch.stack(list(parts), dim=axis)

    def concatenate(self, parts: Sequence[Tensor], axis: int = 0) -> Tensor:
        """Joined along an axis."""
        import torch

        return torch.cat(list(parts), dim=axis)

    def flatnonzero(self, values: Tensor) -> Tensor:
        """Indices of what is not 0."""
        return values.flatten().nonzero()[:, 0]

    def unique(self, values: Tensor) -> list[int]:
        """Distinct whole numbers, ascending."""
        found: list[int] = values.unique().tolist()
        return found

    def median(self, values: Tensor, axis: int | None = None) -> Tensor:
        """The middle value, or the mean of the middle two."""
        import torch

        if axis is None:
            return quantile(values, 0.5)
        return torch.stack([quantile(one, 0.5) for one in values.unbind(1 - axis)])
