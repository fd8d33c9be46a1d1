"""A trained backbone for the projected judge: a ResNet-18's weights, brought by the user. Needs torch."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
from torch import Tensor, nn

from vfx_swap.errors import MissingInputError, ModelMismatchError
from vfx_swap.models.bisenet.network import Trunk
from vfx_swap.models.bring.safetensors_file import read_safetensors
from vfx_swap.models.bring.torch_file import looks_like_torch_file, read_torch_file
from vfx_swap.models.networks import load_weights

__all__ = ["TrunkBackbone", "open_backbone"]

PARSER = "cp.resnet."
"""Where a face parser keeps its trunk."""
CLASSIFIER = "fc."
"""What an ImageNet classifier has on top; not needed."""


class TrunkBackbone(nn.Module):
    """The four stages of a ResNet-18, for pictures normalised as ImageNet's."""

    def __init__(self, trunk: Trunk, *, width: int, sha256: str) -> None:
        super().__init__()
        self.trunk = trunk
        self.channels = (width, 2 * width, 4 * width, 8 * width)
        self.sha256 = sha256
        """Of the file; part of a run's facts."""

    def forward(self, picture: Tensor) -> list[Tensor]:
        """(B, 3, H, W) -> features at strides 4, 8, 16 and 32."""
        trunk = self.trunk
        f4 = trunk.layer1(trunk.maxpool(trunk.relu(trunk.bn1(trunk.conv1(picture)))))
        f8 = trunk.layer2(f4)
        f16 = trunk.layer3(f8)
        return [f4, f8, f16, trunk.layer4(f16)]


def open_backbone(path: Path) -> TrunkBackbone:
    """A ResNet-18 from a file of tensors: a classifier's as torchvision names them, or a parser's of `train parser`.

    Args:
        path: safetensors, or a torch file of which nothing is run.

    Raises:
        MissingInputError: there is no such file.
        ModelMismatchError: it holds no ResNet-18.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise MissingInputError(f"the backbone cannot be read: {error.strerror}", where=path) from error
    tensors = read_torch_file(path) if looks_like_torch_file(data[:512]) else dict(read_safetensors(path).tensors)
    if any(key.startswith(PARSER) for key in tensors):
        tensors = {key[len(PARSER) :]: value for key, value in tensors.items() if key.startswith(PARSER)}
    tensors = {key: value for key, value in tensors.items() if not key.startswith(CLASSIFIER)}
    first = tensors.get("conv1.weight")
    if first is None or np.ndim(first) != 4:
        raise ModelMismatchError(
            "there is no ResNet-18 in it",
            where=path,
            mend="Give a ResNet-18's state dict, or a parser that vfx-swap train parser trained",
        )
    width = int(first.shape[0])
    trunk = Trunk(width=width)
    # Counts that nothing here reads, and that weights older than them lack.
    counts = {key: np.zeros((), np.int64) for key in trunk.state_dict() if key.endswith(".num_batches_tracked")}
    tensors = {**counts, **tensors}
    load_weights(trunk, tensors, where=path)
    return TrunkBackbone(trunk.eval(), width=width, sha256=hashlib.sha256(data).hexdigest())
