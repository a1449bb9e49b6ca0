"""What a causal stream of convolutions remembers from step to step. Torch only; for encoders and decoders of video."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
import torch.nn as nn


class Memory:
    """What a stream's layers remember: per layer the last frames that it saw, in buffers that stay where they are.

    `begun` is whether the clip's first frame has gone through; nothing is remembered before that but zeros.
    """

    def __init__(self) -> None:
        self.frames: dict[str, torch.Tensor] = {}
        self.begun = False

    def recall(self, name: str, shape: Sequence[int], like: torch.Tensor) -> torch.Tensor:
        """What layer `name` kept, of `shape` and with the type and device of `like`; zeros where it saw nothing yet."""
        if name not in self.frames:
            self.frames[name] = like.new_zeros(shape)
        return self.frames[name]

    def keep(self, name: str, frames: torch.Tensor) -> None:
        """Remember `frames` in the place of what `recall` gave. In place; so they must be made of what that was.

        In an exported graph nothing is in place: there they are what leaves the graph.
        """
        if torch.onnx.is_in_onnx_export():
            self.frames[name] = frames
        else:
            self.frames[name].copy_(frames)

    def reset(self) -> None:
        """A new clip begins."""
        for frames in self.frames.values():
            frames.zero_()
        self.begun = False

    def state(self) -> dict[str, torch.Tensor]:
        """Copies on the CPU, by layer."""
        return {name: frames.to("cpu", copy=True) for name, frames in self.frames.items()}

    def load_state(self, state: Mapping[str, torch.Tensor], device: torch.device | str) -> None:
        self.frames = {name: frames.to(device, copy=True) for name, frames in state.items()}
        self.begun = bool(self.frames)


def name_layers(module: nn.Module) -> None:
    """Give every layer with a memory its key in it."""
    for name, layer in module.named_modules():
        if hasattr(layer, "name"):
            layer.name = name
