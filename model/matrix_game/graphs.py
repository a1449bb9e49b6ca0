"""Matrix-Game 2.0 as graphs (model/graph.py): `condition`, once per start picture, `denoise` and `commit`. Torch."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn as nn

from model.checkpoint import on_meta
from model.graph import Contract, Graph, Port
from model.matrix_game.actions import ActionWindows
from model.matrix_game.config import PATCH, MatrixGameConfig
from model.matrix_game.encoders import MASK_CHANNELS
from model.matrix_game.network import MatrixGameNet
from model.ring_ports import PortRings, ports
from model.rings import Rings
from model.wan import Pass


class ConditionModule(nn.Module):
    """CLIP's tokens to the keys and values of every layer's cross-attention."""

    def __init__(self, net: MatrixGameNet) -> None:
        super().__init__()
        self.net = net

    def forward(self, visual: torch.Tensor, seen=None) -> tuple[torch.Tensor, ...]:
        return tuple(part for pair in self.net.condition(visual) for part in pair)


class ChunkModule(nn.Module):
    """A pass over one chunk, from tensors alone; see model.graph.Contract. `commit` draws nothing."""

    def __init__(self, net: MatrixGameNet, graph: Graph, rings: Rings, attend: Callable) -> None:
        super().__init__()
        self.net, self.graph, self.rings, self.split, self.attend = net, graph, rings.names, rings.split, attend

    @property
    def regions(self) -> nn.ModuleList:
        """The parts that torch.compile takes one by one: they repeat, so one compilation serves many."""
        return self.net.blocks

    def forward(self, *inputs: torch.Tensor, seen=None) -> tuple[torch.Tensor, ...]:
        tensors = {port.name: tensor for port, tensor in zip(self.graph.inputs, inputs, strict=True)}
        rings = PortRings(self.rings, tensors, seen, self.split)
        layers = range(self.net.config.layers)
        context = [(tensors[f"context.keys{layer}"], tensors[f"context.values{layer}"]) for layer in layers]
        run = Pass(rings, context, self.attend, ActionWindows(tensors["keyboard"], tensors.get("mouse")))
        told = tensors["x"], tensors["image"], tensors["timestep"], run
        drawn = ()
        if self.graph.name == "denoise":
            drawn = (self.net.draw(*told),)
        else:
            self.net.encode(*told)
        return *drawn, *(rings.written(port.name) for port in self.graph.updates)


def network_graphs(config: MatrixGameConfig, rings: Rings) -> dict[str, Graph]:
    """The network's graphs for latent frames of the size of `config`."""
    network, actions = config.network, config.network.actions
    frames, (rows, columns) = network.chunk, config.latent_size
    visual = Port("visual", (config.clip.tokens, network.context_dim))
    heads = (1, network.heads, config.clip.tokens, network.dim // network.heads)
    context = tuple(
        Port(f"context.{kind}{layer}", heads) for layer in range(network.layers) for kind in ("keys", "values")
    )
    told = [
        Port("x", (frames, network.out_channels, rows, columns)),
        Port("image", (frames, MASK_CHANNELS + config.vae.latent_channels, rows, columns)),
        Port("timestep", (frames, network.timestep_width)),
        Port("keyboard", (frames, actions.rows, actions.keyboard_dim)),
    ]
    if actions.mouse_dim:
        told.append(Port("mouse", (frames, actions.rows * actions.mouse_dim)))
    inputs = (*told, *context, *ports(rings, frames))
    flow = Port("flow", (frames, network.out_channels, rows, columns))
    return {
        "condition": Graph("condition", (visual,), context),
        "denoise": Graph("denoise", inputs, (flow,)),
        "commit": Graph("commit", inputs, within="denoise"),
    }


def network_contract(
    world: str,
    identity: str,
    config: MatrixGameConfig,
    network: Callable[[], MatrixGameNet],
    rings: Rings,
    attend: Callable,
) -> Contract:
    """network: loads it; rings: those whose buffers the graphs will be bound to, or any of their shapes."""
    graphs = network_graphs(config, rings)

    def modules() -> dict[str, nn.Module]:
        net = network()
        chunk = {name: ChunkModule(net, graphs[name], rings, attend) for name in ("denoise", "commit")}
        return {"condition": ConditionModule(net)} | chunk

    return Contract(world, identity, graphs, modules)


def make_rings(config: MatrixGameConfig, device: torch.device | str, dtype: torch.dtype) -> Rings:
    """The caches of `config`, empty; on the meta device only their shapes."""
    rows, columns = config.latent_size
    sketch = on_meta(MatrixGameNet, config.network)
    return sketch.rings((rows // PATCH[0], columns // PATCH[1]), device, dtype)
