"""BiSeNet as a parser: the user's weights, softmax of its 19 scores. Needs torch."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from vfx_swap.arrays import FloatArray, check_array
from vfx_swap.errors import DeviceError, ModelMissingError
from vfx_swap.geometry.warps import fit_similarity
from vfx_swap.models.bring.safetensors_file import read_safetensors
from vfx_swap.models.cards import Card
from vfx_swap.models.networks import IMAGENET_MEAN, IMAGENET_STD, build_network, load_weights
from vfx_swap.models.registry import LoadOptions
from vfx_swap.models.runtimes.onnx_session import device_index
from vfx_swap.models.templates import five_points, template_named
from vfx_swap.models.torch_kernels.device import import_torch, inference, open_torch, to_device
from vfx_swap.types import LANDMARK_COUNT, Face, ModelImage, Warp

if TYPE_CHECKING:
    from torch import nn

__all__ = ["SIZE", "BiSeNetParser", "load_bisenet"]

SIZE = 512


class BiSeNetParser:
    """Regions by a network (protocol `Parser`).

    Which side its `l_` and `r_` are is the training's; hands have no class of their own.
    """

    def __init__(self, *, id: str, network: nn.Module, device: str = "cpu", size: int = SIZE) -> None:
        """A parser.

        Args:
            id: the card's id.
            network: (B, 3, size, size) ImageNet-normalised RGB to scores, those of the whole picture first.
            device: of torch.
            size: side of the crops that it knows.
        """
        self.id = id
        self.size = size
        self._device = device
        self._network = network.to(device).eval()

    def warp_for(self, face: Face, /) -> Warp:
        """FFHQ's crop.

        Raises:
            NoFaceError: the face's landmarks fall together.
        """
        template = template_named("ffhq_512").pixels(self.size)
        return fit_similarity(five_points(face.points), template, width=self.size, height=self.size)

    def parse(
        self,
        image: ModelImage,
        points: FloatArray,
        /,
        *,
        hidden: Mapping[str, FloatArray] | None = None,  # noqa: ARG002  # the network sees for itself
    ) -> FloatArray:
        """Regions of a crop, by softmax and not by the greatest score alone: edges stay soft."""
        check_array("points", points, shape=(LANDMARK_COUNT, 3))
        check_array("image.rgb", image.rgb, shape=(self.size, self.size, 3))
        torch = import_torch()
        normal = (image.rgb - np.asarray(IMAGENET_MEAN, np.float32)) / np.asarray(IMAGENET_STD, np.float32)
        try:
            picture = to_device(np.ascontiguousarray(normal.transpose(2, 0, 1))[None], torch.device(self._device))
            with inference(picture.device):
                scores = self._network(picture)
                alphas = (scores[0] if isinstance(scores, tuple) else scores).float().softmax(dim=1)[0]
            return np.asarray(alphas.cpu().numpy(), dtype=np.float32)
        except RuntimeError as error:  # torch's own, torch.cuda.OutOfMemoryError among them
            raise DeviceError(f"the parser failed: {' '.join(str(error).split())}", where=self._device) from error


def load_bisenet(card: Card, files: Mapping[str, Path], options: LoadOptions) -> BiSeNetParser:
    """The parser of a card.

    Raises:
        ModelMissingError: the user has not added its weights.
        ModelMismatchError: the file is not BiSeNet's weights.
        DeviceError: torch or the device is not there.
    """
    path = files.get("network")
    if path is None:
        raise ModelMissingError(
            f"the weights of {card.id!r} are yours to bring", mend="Add them: vfx-swap models add FILE"
        )
    network = build_network("bisenet", seed=0)
    load_weights(network, read_safetensors(path).tensors, where=path)
    return BiSeNetParser(id=card.id, network=network, device=str(open_torch(device_index(options.device))))
