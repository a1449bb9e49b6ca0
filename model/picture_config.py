"""The sizes of the networks between pictures and latents, the video VAEs and CLIP's image tower, as frozen dataclasses.

Builds nothing and needs no torch: model/wan_vae.py, wan22_vae.py, hunyuan_vae.py and clip.py do. Defaults are those of
the released checkpoints.
"""

from __future__ import annotations

from dataclasses import dataclass

# Per channel, over the training set of Wan 2.1: latents are normalised with them.
WAN_MEAN = (-0.7571, -0.7089, -0.9113, 0.1075, -0.1745, 0.9653, -0.1517, 1.5508)
WAN_MEAN += (0.4134, -0.0715, 0.5517, -0.3632, -0.1922, -0.9497, 0.2503, -0.2921)
WAN_STD = (2.8184, 1.4541, 2.3275, 2.6558, 1.2196, 1.7708, 2.6052, 2.0743)
WAN_STD += (3.2687, 2.1526, 2.8652, 1.5579, 1.6382, 1.1253, 2.8251, 1.9160)
# Per channel, over the training set of Wan 2.2: latents are normalised with them.
WAN22_MEAN = (-0.2289, -0.0052, -0.1323, -0.2339, -0.2799, 0.0174, 0.1838, 0.1557, -0.1382, 0.0542, 0.2813, 0.0891)
WAN22_MEAN += (0.157, -0.0098, 0.0375, -0.1825, -0.2246, -0.1207, -0.0698, 0.5109, 0.2665, -0.2108, -0.2158, 0.2502)
WAN22_MEAN += (-0.2055, -0.0322, 0.1109, 0.1567, -0.0729, 0.0899, -0.2799, -0.123, -0.0313, -0.1649, 0.0117, 0.0723)
WAN22_MEAN += (-0.2839, -0.2083, -0.052, 0.3748, 0.0152, 0.1957, 0.1433, -0.2944, 0.3573, -0.0548, -0.1681, -0.0667)
WAN22_STD = (0.4765, 1.0364, 0.4514, 1.1677, 0.5313, 0.499, 0.4818, 0.5013, 0.8158, 1.0344, 0.5894, 1.0901)
WAN22_STD += (0.6885, 0.6165, 0.8454, 0.4978, 0.5759, 0.3523, 0.7135, 0.6804, 0.5833, 1.4146, 0.8986, 0.5659)
WAN22_STD += (0.7069, 0.5338, 0.4889, 0.4917, 0.4069, 0.4999, 0.6866, 0.4093, 0.5709, 0.6065, 0.6415, 0.4944)
WAN22_STD += (0.5726, 1.2042, 0.5458, 1.6887, 0.3971, 1.06, 0.3943, 0.5537, 0.5444, 0.4089, 0.7468, 0.7744)
# What official files hold beside the tower, or of the tower behind the layers that are run.
CLIP_UNUSED = ("textual.*", "log_scale", "visual.head", "visual.post_norm.*")


@dataclass(frozen=True)
class VaeConfig:
    """Channels of a level are width * multiplier; `temporal` says which encoder levels halve time as well."""

    width: int = 96
    latent_channels: int = 16
    multipliers: tuple[int, ...] = (1, 2, 4, 4)
    blocks: int = 2
    temporal: tuple[bool, ...] = (False, True, True)
    mean: tuple[float, ...] = WAN_MEAN
    std: tuple[float, ...] = WAN_STD


@dataclass(frozen=True)
class Wan22VaeConfig:
    """Channels of a level are width (or decoder_width) * multiplier; `temporal` says which levels halve time as well.

    blocks: the encoder's; a level of the decoder has one more.
    """

    width: int = 160
    decoder_width: int = 256
    latent_channels: int = 48
    multipliers: tuple[int, ...] = (1, 2, 4, 4)
    blocks: int = 2
    temporal: tuple[bool, ...] = (False, True, True)
    mean: tuple[float, ...] = WAN22_MEAN
    std: tuple[float, ...] = WAN22_STD

    def __post_init__(self) -> None:
        if len(self.temporal) != len(self.multipliers) - 1:
            raise ValueError(f"{len(self.temporal)} halvings do not fit between {len(self.multipliers)} levels")
        if not len(self.mean) == len(self.std) == self.latent_channels:
            raise ValueError(
                f"{len(self.mean)} means and {len(self.std)} deviations of {self.latent_channels} channels"
            )


@dataclass(frozen=True)
class HunyuanVaeConfig:
    """Channels and blocks of a level; `temporal` says of every halving of the encoder whether it halves time as well.

    blocks: the encoder's; a level of the decoder has one more. scaling: what the diffusion model's latents are
    multiplied by.
    """

    channels: tuple[int, ...] = (128, 256, 512, 1024, 1024)
    latent_channels: int = 32
    blocks: int = 2
    temporal: tuple[bool, ...] = (False, False, True, True)
    scaling: float = 1.03682

    def __post_init__(self) -> None:
        if not 1 <= len(self.temporal) < len(self.channels):
            raise ValueError(f"{len(self.temporal)} halvings do not fit between {len(self.channels)} levels")


@dataclass(frozen=True)
class ClipConfig:
    """`layers` is how many are run: all of the tower's but the last."""

    image_size: int = 224
    patch: int = 14
    dim: int = 1280
    heads: int = 16
    layers: int = 31
    mlp_ratio: int = 4
    eps: float = 1e-5

    @property
    def tokens(self) -> int:
        return 1 + (self.image_size // self.patch) ** 2

    @property
    def unused(self) -> tuple[str, ...]:
        """Patterns of the names that a file may hold and this network has not."""
        return (*CLIP_UNUSED, f"visual.transformer.{self.layers}.*")
