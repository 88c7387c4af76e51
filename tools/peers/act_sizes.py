"""The two sizes in which ACT is trained, as configurations of LeRobot's own, and the picture networks that they name.

LeRobot's ACT takes any function of `torchvision.models` whose name begins with "resnet", and its last stage. Those
below are made of torchvision's own blocks and put there under names of their own, so no code of LeRobot is changed.

The weights of ImageNet that ACT begins with by default are not to be had without a network, and no package among the
requirements brings them: the picture network begins from scratch, in torchvision's initialisation. By default LeRobot
freezes its batch normalisation, which without those weights normalises nothing. `norm="group"` does instead what
LeRobot's own diffusion policy does when it trains a ResNet from scratch: group normalisation, a group for 16 channels.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torchvision
from lerobot.configs.types import FeatureType, PolicyFeature
from lerobot.policies.act.configuration_act import ACTConfig
from lerobot.utils.constants import ACTION, OBS_ENV_STATE, OBS_STATE
from torch import nn
from torchvision.models.resnet import BasicBlock, ResNet

NORMS = ("frozen", "group")
REDUCED = {
    "dim_model": 128,
    "n_heads": 4,
    "dim_feedforward": 512,
    "n_encoder_layers": 2,
    "n_vae_encoder_layers": 2,
}
"""Of the size "reduced", beside the first three stages of a ResNet-10: 2.3 million weights, as the nano network has."""


@dataclass(frozen=True)
class Backbone:
    """A ResNet of basic blocks, without weights of others.

    Attributes:
        blocks: of each of the four stages of 64, 128, 256 and 512 channels.
        stages: that are used, 3 or 4.
        group: whether normalisation is by groups.
    """

    blocks: tuple[int, int, int, int]
    stages: int
    group: bool

    def __call__(
        self,
        *,
        replace_stride_with_dilation: Sequence[bool],
        weights: str | None,
        norm_layer: Callable[[int], nn.Module],
    ) -> ResNet:
        """Make it, as the functions of `torchvision.models` do. Raises ValueError for weights, which there are none."""
        if weights is not None:
            raise ValueError(f"there are no weights {weights!r} of this network")
        made = ResNet(
            BasicBlock,
            list(self.blocks),
            replace_stride_with_dilation=list(replace_stride_with_dilation),
            norm_layer=_by_groups if self.group else norm_layer,
        )
        if self.stages == 3:
            made.layer4 = nn.Identity()
            made.fc = nn.Linear(256, 1)  # only its inputs are asked for
        return made


def _by_groups(channels: int) -> nn.GroupNorm:
    return nn.GroupNorm(channels // 16, channels)


BACKBONES = {
    ("default", "frozen"): "resnet18",
    ("default", "group"): "resnet18_group",
    ("reduced", "frozen"): "resnet10_three_stages",
    ("reduced", "group"): "resnet10_three_stages_group",
}
SIZES = ("default", "reduced")


def register_backbones() -> None:
    """Put them where LeRobot looks for picture networks."""
    for name, made in {
        "resnet18_group": Backbone((2, 2, 2, 2), 4, True),
        "resnet10_three_stages": Backbone((1, 1, 1, 1), 3, False),
        "resnet10_three_stages_group": Backbone((1, 1, 1, 1), 3, True),
    }.items():
        setattr(torchvision.models, name, made)


@dataclass(frozen=True)
class Variant:
    """Which ACT is trained.

    Attributes:
        size: one of SIZES.
        norm: of the picture network, one of NORMS.
        lr: of AdamW, constant as ACT's preset has it, the same for the picture network.
        chunk: rows of a chunk; LeRobot's default is 100.
    """

    size: str
    norm: str
    lr: float
    chunk: int

    def config(
        self, joints: int, tasks: int, pictures: Sequence[str], shape: tuple[int, int, int]
    ) -> ACTConfig:
        """Return LeRobot's configuration: its defaults, but for what is said here.

        Args:
            joints: J, of state and action.
            tasks: instructions. ACT reads no words, so each is one number of its "environment state".
            pictures: keys of the cameras.
            shape: of a picture, channels first.
        """
        inputs = {
            OBS_STATE: PolicyFeature(FeatureType.STATE, (joints,)),
            OBS_ENV_STATE: PolicyFeature(FeatureType.ENV, (tasks,)),
            **{key: PolicyFeature(FeatureType.VISUAL, shape) for key in pictures},
        }
        own: dict[str, Any] = REDUCED if self.size == "reduced" else {}
        return ACTConfig(
            input_features=inputs,
            output_features={ACTION: PolicyFeature(FeatureType.ACTION, (joints,))},
            chunk_size=self.chunk,
            n_action_steps=self.chunk,
            vision_backbone=BACKBONES[self.size, self.norm],
            pretrained_backbone_weights=None,
            optimizer_lr=self.lr,
            optimizer_lr_backbone=self.lr,
            device="cpu",
            push_to_hub=False,
            **own,
        )
