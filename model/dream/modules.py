"""What the embedded world's graphs (model/dream/graphs.py) compute, as torch modules: the reference, to be exported.

They work in place under inference mode, like every family's; exported, they are pure functions. Torch only.
"""

from __future__ import annotations

from pathlib import Path

import torch
import torch.nn as nn
import torch.nn.functional as F

from model.dream.config import DreamConfig
from model.dream.network import DreamNet
from model.dream.sampling import LookUp, gathered, sampled
from model.dream.warp import warp


def pairs(caches: tuple[torch.Tensor, ...]) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Flat graph inputs to (keys, values) of each layer."""
    return list(zip(caches[::2], caches[1::2], strict=True))


class Denoise(nn.Module):
    def __init__(self, net: DreamNet) -> None:
        super().__init__()
        self.net = net

    @property
    def regions(self) -> nn.ModuleList:
        """The parts that torch.compile takes one by one."""
        return self.net.blocks

    def forward(self, x, t, warped, plucker, slot, ages, *caches, seen=None):
        x0, written = self.net.cached(x, t, warped, plucker, pairs(caches), slot, ages)
        return x0, *(tensor for pair in written for tensor in pair)


class Commit(Denoise):
    """A clean chunk is at noise level 0."""

    def forward(self, clean, warped, plucker, slot, ages, *caches, seen=None):
        level = clean.new_zeros(clean.shape[:2])
        written = self.net.commit(clean, level, warped, plucker, pairs(caches), slot, ages)
        return tuple(tensor for pair in written for tensor in pair)


class Warp(nn.Module):
    def __init__(self, config: DreamConfig, look_up: LookUp = sampled) -> None:
        super().__init__()
        self.config, self.look_up = config, look_up

    def forward(self, last, anchor, relative, turned, seen=None):
        config = self.config
        # Which pixel a point falls on is beyond half precision.
        told = (part.float() for part in (last, anchor, relative, turned))
        warped = warp(*told, config.focal, config.near, self.look_up)
        return (warped.unsqueeze(1).to(last.dtype),)


class Decode(nn.Module):
    """x_0 to what leaves the world: BGRA bytes for the window, and the clean chunk that is committed."""

    def forward(self, x0, seen=None):
        clean = x0.clamp(-1, 1)
        frames = clean[0, 0].unflatten(0, (-1, 4))  # [F, 4, H, W]
        blue_green_red = torch.cat([frames[:, at : at + 1] for at in (2, 1, 0)], 1)
        bgra = F.pad(blue_green_red, (0, 0, 0, 0, 0, 1), value=1.0).permute(0, 2, 3, 1)
        return torch.round((bgra + 1) * 127.5).to(torch.uint8), clean


def modules_of(net: DreamNet) -> dict[str, nn.Module]:
    """A module per graph, all over one network."""
    net = net.eval().requires_grad_(False)
    return {"warp": Warp(net.config), "denoise": Denoise(net), "commit": Commit(net), "decode": Decode()}


def variants_of(config: DreamConfig) -> dict[str, nn.Module]:
    """What model.dream.graphs.VARIANTS names: graphs in the form that one engine prefers."""
    return {"warp-gathered": Warp(config, gathered)}


def load_modules(config: DreamConfig, parts: list[Path]) -> dict[str, nn.Module]:
    """The modules with the weights of safetensors parts; UserError where those are not the network's."""
    from model.checkpoint import open_tensors, require_fit

    net, tensors = DreamNet(config), {}
    for path in parts:
        tensors |= open_tensors(path)
    require_fit(net, tensors, str(parts[0].parent))
    net.load_state_dict(tensors)
    return modules_of(net)
