"""A Matrix-Game network with random weights as a contract, and walks over it on any modules, without a world; and a
linear layer.
"""

from __future__ import annotations

from dataclasses import replace


def sized(dim: int = 64, ffn_dim: int = 128, layers: int = 2, heads: int = 2, acting: int = 1):
    """A config wide enough for 8-bit kernels, small in all else; the first `acting` layers have action modules."""
    from matrix_fixtures import tiny_config

    config = tiny_config(width=32, height=32)
    actions = replace(config.network.actions, layers=tuple(range(acting)), keyboard_embedding=16)
    network = replace(config.network, dim=dim, ffn_dim=ffn_dim, layers=layers, heads=heads, actions=actions)
    return replace(config, network=network)


def layer(inputs: int = 64, outputs: int = 48, bias: bool = True, dtype=None):
    """A linear layer, each time the same."""
    import torch

    torch.manual_seed(0)
    return torch.nn.Linear(inputs, outputs, bias=bias).to(dtype or torch.float32)


def off(made, exact) -> float:
    """|made - exact| / |exact|"""
    return ((made.float() - exact.float()).norm() / exact.float().norm()).item()


class Walk:
    """The network's contract and modules, and `play`, which is the same walk each time."""

    def __init__(self, config, dtype=None) -> None:
        import torch

        from bench.synthetic import randomised
        from model.attention import sdpa
        from model.checkpoint import on_meta
        from model.matrix_game.graphs import make_rings, network_contract
        from model.matrix_game.network import MatrixGameNet
        from model.placement import Placement

        self.config, self.dtype = config, dtype or torch.float32
        where = Placement(torch.device("cpu"), self.dtype, sdpa, "", "", "")
        self.rings = make_rings(config, "cpu", self.dtype)
        net = randomised(on_meta(MatrixGameNet, config.network), where, 0)
        self.contract = network_contract("walk", "1", config, lambda: net, self.rings, sdpa)
        self.modules = self.contract.modules()

    def play(self, modules, chunks: int = 2):
        """What is drawn, float32 [chunks, frames, 16, h, w], by the eager engine on `modules`."""
        import torch

        from compile.buffers import Buffers
        from compile.engines.eager import Eager
        from model import ring_ports

        frames = self.config.network.chunk
        given = ring_ports.buffers(self.rings, frames)
        buffers = Buffers(self.contract, given, torch.device("cpu"), self.dtype)
        bound, random = Eager(self.contract, modules).bind(buffers), torch.Generator().manual_seed(3)
        told = [port for port in buffers.ports if port not in given and not port.startswith(("context", "flow"))]
        self.rings.reset()
        drawn = []
        for chunk in range(chunks):
            for name in told:
                buffers.put(name, torch.randn(buffers[name].shape, generator=random))
            if chunk == 0:
                bound.run("condition")
            self.rings.stage(frames)
            for graph in ("denoise", "denoise", "commit"):
                bound.run(graph, self.rings.filled)
            drawn.append(buffers["flow"].float().clone())
            self.rings.commit()
        return torch.stack(drawn)
