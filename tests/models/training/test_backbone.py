"""A backbone of the user's for the projected judge."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.models.training.test_given_weights import _crops
from vfx_swap.cli.app import run
from vfx_swap.errors import MissingInputError, ModelMismatchError
from vfx_swap.models.bring.safetensors_file import write_safetensors

torch = pytest.importorskip("torch")


def trunk_file(path: Path, *, prefix: str = "", drop: str = "", classifier: bool = False) -> dict[str, Any]:
    from vfx_swap.models.bisenet.network import Trunk

    torch.manual_seed(7)
    tensors = {key: value.numpy() for key, value in Trunk(width=8).state_dict().items()}
    told = {f"{prefix}{key}": np.array(value) for key, value in tensors.items() if key != drop}
    if classifier:
        told = {key: value for key, value in told.items() if not key.endswith("num_batches_tracked")}
        told["fc.weight"], told["fc.bias"] = np.zeros((10, 64), np.float32), np.zeros(10, np.float32)
    if prefix:
        told["conv_out.conv.weight"] = np.zeros((3, 3), np.float32)
    write_safetensors(path, told, metadata={})
    return tensors


@pytest.mark.parametrize(("prefix", "classifier"), [("", False), ("", True), ("cp.resnet.", False)])
def test_a_resnet_18_by_itself_or_of_a_parser(tmp_path: Path, prefix: str, classifier: bool) -> None:
    from vfx_swap.models.training.backbone import open_backbone

    tensors = trunk_file(tmp_path / "b.safetensors", prefix=prefix, classifier=classifier)
    backbone = open_backbone(tmp_path / "b.safetensors")
    features = backbone(torch.zeros(2, 3, 64, 64))
    assert [tuple(one.shape) for one in features] == [(2, 8, 16, 16), (2, 16, 8, 8), (2, 32, 4, 4), (2, 64, 2, 2)]
    assert np.array_equal(backbone.state_dict()["trunk.conv1.weight"].numpy(), tensors["conv1.weight"])


def test_what_is_no_backbone_is_refused(tmp_path: Path) -> None:
    from vfx_swap.models.training.backbone import open_backbone

    with pytest.raises(MissingInputError):
        open_backbone(tmp_path / "gone.safetensors")
    trunk_file(tmp_path / "short.safetensors", drop="layer3.0.conv1.weight")
    with pytest.raises(ModelMismatchError, match=r"layer3\.0\.conv1\.weight"):
        open_backbone(tmp_path / "short.safetensors")
    write_safetensors(tmp_path / "other.safetensors", {"a": np.zeros(3, np.float32)}, metadata={})
    with pytest.raises(ModelMismatchError, match="no ResNet-18"):
        open_backbone(tmp_path / "other.safetensors")


def test_it_judges_stays_as_it_is_and_belongs_to_the_run(tmp_path: Path) -> None:
    from vfx_swap.models.arcface.network import ArcFace
    from vfx_swap.models.training.backbone import open_backbone
    from vfx_swap.models.training.generator import GeneratorSettings, GeneratorTrainer

    face = ArcFace(blocks=(1, 1, 1, 1), width=4, latent=8, size=32).eval().requires_grad_(False)
    tensors = trunk_file(tmp_path / "b.safetensors")

    def begun(backbone: Any) -> GeneratorTrainer:
        settings = GeneratorSettings(recipe="projected", width=4, blocks=1, batch=2)
        return GeneratorTrainer(settings, _crops(), face, device=torch.device("cpu"), backbone=backbone)

    with_it, without = begun(open_backbone(tmp_path / "b.safetensors")), begun(None)
    assert with_it.step(0)["features"] != without.step(0)["features"]
    kept = with_it.judge.state_dict()["backbone.trunk.bn1.running_mean"].numpy()
    assert np.array_equal(kept, tensors["bn1.running_mean"]), "its statistics do not drift"
    with_it.write(tmp_path / "run", step=1)
    assert begun(open_backbone(tmp_path / "b.safetensors")).read(tmp_path / "run") == 1
    with pytest.raises(ModelMismatchError):
        begun(None).read(tmp_path / "run")


def test_only_the_projected_recipe_has_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given = ["train", "generator", str(tmp_path), "--recogniser", str(tmp_path / "r"), "--out", str(tmp_path / "o")]
    assert run([*given, "--backbone", str(tmp_path / "b.safetensors")]) == 2
    assert "has no backbone" in capsys.readouterr().err
