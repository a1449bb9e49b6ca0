"""CUDA graphs of a network's passes: captured once, replayed ever after, at the cost of one launch each.

What a pass reads lies at standing addresses (model/rings.py); what a chunk brings anew (latents, condition, timesteps,
actions) is copied into buffers of the same kind here. A graph is good for one fill of the caches, and a walk has but a
few of those: it grows until the window is full and stays there.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import torch

from model.wan import Pass


class GraphedNet:
    """A network of one chunk (model/matrix_game/network.py) that is called as before. NVIDIA GPUs only."""

    WARM_UP = 2

    def __init__(self, net: torch.nn.Module) -> None:
        self.net = net
        self.condition = net.condition
        self._standing: dict[str, torch.Tensor] = {}
        self._graphs: dict[tuple, tuple[torch.cuda.CUDAGraph, torch.Tensor | None]] = {}
        self._pool = torch.cuda.graph_pool_handle()

    def __call__(self, x: torch.Tensor, condition: torch.Tensor, timesteps: torch.Tensor, run: Pass) -> torch.Tensor:
        """The flow; good until the next call."""
        return self._replay("denoise", self.net, x, condition, timesteps, run)

    def commit(self, clean: torch.Tensor, condition: torch.Tensor, timesteps: torch.Tensor, run: Pass) -> None:
        self._replay("commit", self._encode, clean, condition, timesteps, run)
        run.rings.commit()

    def _encode(self, *inputs: object) -> None:
        self.net.encode(*inputs)

    def _replay(self, kind: str, function: Callable, x, condition, timesteps, run: Pass) -> torch.Tensor | None:
        inputs = [self._stand(name, tensor) for name, tensor in (("x", x), ("c", condition), ("t", timesteps))]
        actions = {field.name: getattr(run.actions, field.name) for field in dataclasses.fields(run.actions)}
        stood = {name: None if value is None else self._stand(name, value) for name, value in actions.items()}
        standing = dataclasses.replace(run, actions=dataclasses.replace(run.actions, **stood))
        key = (kind, run.rings.filled)
        if key not in self._graphs:
            self._graphs[key] = self._capture(lambda: function(*inputs, standing))
        graph, output = self._graphs[key]
        graph.replay()
        return output

    def _stand(self, name: str, content: torch.Tensor) -> torch.Tensor:
        """`content` in the buffer of its name."""
        if name not in self._standing:
            self._standing[name] = torch.empty_like(content)
        return self._standing[name].copy_(content)

    def _capture(self, pass_: Callable) -> tuple[torch.cuda.CUDAGraph, torch.Tensor | None]:
        """Passes write the same into the caches however often they run, so that warming up changes nothing."""
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(self.WARM_UP):
                pass_()
        torch.cuda.current_stream().wait_stream(stream)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, pool=self._pool):
            output = pass_()
        return graph, output
