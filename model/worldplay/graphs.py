"""WorldPlay as graphs (model/graph.py): `text`, once per prompt, `context`, once per chunk, and `denoise`. Torch only.

A guided plan has each of them once more, for the unconditional row: `text.negative` and so on, over caches of their
own. Both networks are played by the same graphs; what differs is how text reaches them.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn as nn

from model.graph import Contract, Graph, Port, Seen
from model.ring_ports import PortRings, ports
from model.rings import Rings
from model.wan import Pass
from model.worldplay.config import CHUNK, NetworkConfig, WorldPlayConfig

NEGATIVE = "negative."  # before the name of whatever belongs to the unconditional row
GATHERED = "gathered."  # before the name of what a context's pass is told


class TextModule(nn.Module):
    """The 8B's conditions to the prefix of its ring. seen: the tokens of language and of glyph that are there."""

    def __init__(self, net: nn.Module, graph: Graph, row: str) -> None:
        super().__init__()
        self.net, self.graph, self.row = net, graph, row

    def forward(self, *inputs: torch.Tensor, seen: Seen | None = None) -> tuple[torch.Tensor, ...]:
        given = named(self.graph, inputs, self.row)
        language, glyph, picture = (given[f"text.{part}"] for part in ("language", "glyph", "picture"))
        if seen is not None:
            tokens, mask = self.net.conditions(language[: seen[0]], glyph[: seen[1]], picture), None
        else:
            # Whatever is not there goes to the end, where the context overwrites it.
            tokens = self.net.conditions(language, glyph, picture, given["text.there"])
            tokens, mask = tokens.index_select(0, given["text.order"]), given["text.mask"]
        rings = PortRings(("self",), given, None)
        for number, pair in enumerate(self.net.tell(tokens, mask)):
            rings.layer(number)["self"].tell(*pair)
        return tuple(rings.written(bare(port.name, self.row)) for port in self.graph.updates)


class WanTextModule(nn.Module):
    """UMT5's states to the keys and values of the 5B's cross-attention."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, language: torch.Tensor, seen: Seen | None = None) -> tuple[torch.Tensor, ...]:
        return tuple(part for pair in self.net.tell(language) for part in pair)


class PassModule(nn.Module):
    """A pass over a chunk, or over the frames of its context; see model.graph.Contract.

    seen: what is filled of the ring, and by how many frames.
    """

    def __init__(self, net: nn.Module, graph: Graph, row: str, rings: Rings, attend: Callable) -> None:
        super().__init__()
        self.net, self.graph, self.row, self.attend = net, graph, row, attend
        self.split, self.tokens = rings.split, rings["self"].shape.tokens

    @property
    def regions(self) -> nn.ModuleList:
        """The parts that torch.compile takes one by one: they repeat, so one compilation serves many."""
        return self.net.blocks

    def forward(self, *inputs: torch.Tensor, seen: Seen | None = None) -> tuple[torch.Tensor, ...]:
        given = named(self.graph, inputs, self.row)
        gathered = f"{GATHERED}x" in given
        told = GATHERED if gathered else ""
        frames = len(given[f"{told}x"]) if seen is None or not gathered else seen[-1]
        cameras = given[f"{told}camera"][: frames if seen is None else seen[-1]]
        x, *picture = (given[name][:frames] for name in (f"{told}x", f"{told}picture") if name in given)
        waves = (given[f"{told}{name}"][:frames] for name in ("timestep", "label"))
        tokens = frames * self.tokens if gathered else 0, len(cameras) * self.tokens
        rings = PortRings(("self",), given, seen, self.split, *tokens)
        layers = range(len(self.net.blocks)) if "text.keys0" in given else ()
        text = [(given[f"text.keys{layer}"], given[f"text.values{layer}"]) for layer in layers]
        run = Pass(rings, text, self.attend, cameras)
        whole = torch.cat([x, *picture], 1)
        drawn = ()
        if gathered:
            self.net.encode(whole, *waves, run)
        else:
            drawn = (self.net.draw(whole, *waves, run),)
        return *drawn, *(rings.written(bare(port.name, self.row)) for port in self.graph.updates)


def bare(name: str, row: str) -> str:
    """A port's name without that of its row."""
    return name.removeprefix(row)


def named(graph: Graph, inputs: tuple[torch.Tensor, ...], row: str) -> dict[str, torch.Tensor]:
    """A graph's inputs by the bare names of their ports."""
    return {bare(port.name, row): tensor for port, tensor in zip(graph.inputs, inputs, strict=True)}


def rows_of(config: WorldPlayConfig) -> tuple[str, ...]:
    """The prefixes of the rows that a plan needs: "" is the conditional one."""
    return ("", NEGATIVE) if config.guided else ("",)


def suffix(row: str) -> str:
    """What a row's graphs have behind their names."""
    return f".{row[:-1]}" if row else ""


def text_ports(config: WorldPlayConfig, row: str) -> tuple[tuple[Port, ...], tuple[Port, ...]]:
    """What the graph `text` is told, and what it gives beside what it writes into the ring."""
    network = config.net
    language = Port(f"{row}text.language", (network.language_tokens, network.language))
    if not isinstance(network, NetworkConfig):
        heads = (1, network.heads, network.language_tokens, network.dim // network.heads)
        names = [f"{row}text.{kind}{layer}" for layer in range(network.layers) for kind in ("keys", "values")]
        return (language,), tuple(Port(name, heads) for name in names)
    return (
        language,
        Port(f"{row}text.glyph", (network.glyph_tokens, network.glyph)),
        Port("text.picture", (network.picture_tokens, network.picture)),
        Port(f"{row}text.there", (network.language_tokens,), "bool"),
        Port(f"{row}text.order", (network.text_tokens,), "int64"),
        Port(f"{row}text.mask", (1, 1, 1, network.text_tokens), "bool"),
    ), ()


def pass_ports(config: WorldPlayConfig, frames: int, told: str, cameras: int) -> tuple[Port, ...]:
    """What a pass over so many frames is told, `cameras` of those that it sees, but for its row's caches."""
    network, (rows, columns) = config.net, config.latent_size
    found = [Port(f"{told}x", (frames, network.channels, rows, columns))]
    if isinstance(network, NetworkConfig):
        found.append(Port(f"{told}picture", (frames, network.picture_channels, rows, columns)))
    found += [Port(f"{told}{name}", (frames, network.wave_width)) for name in ("timestep", "label")]
    return (*found, Port(f"{told}camera", (cameras, 3, 4, 4), "float32"))


def row_graphs(config: WorldPlayConfig, rings: Rings, row: str) -> dict[str, Graph]:
    """The three graphs of a row, for latent frames of the size of `config`."""
    most, name = config.memory.budget, suffix(row)

    def own(found: tuple[Port, ...]) -> tuple[Port, ...]:
        return tuple(Port(f"{row}{port.name}", port.shape, port.dtype, port.role) for port in found)

    chunk, gathered = own(ports(rings, CHUNK)), own(ports(rings, most, gathered=True))
    told, given = text_ports(config, row)
    caches = () if given else tuple(port for port in chunk if port.role)
    passing, looking = pass_ports(config, CHUNK, "", config.told_cameras), pass_ports(config, most, GATHERED, most)
    flow = Port("flow", passing[0].shape)
    return {
        f"text{name}": Graph(f"text{name}", (*told, *caches), given),
        f"context{name}": Graph(f"context{name}", (*looking, *given, *gathered)),
        f"denoise{name}": Graph(f"denoise{name}", (*passing, *given, *chunk), (flow,)),
    }


def network_contract(
    world: str, identity: str, config: WorldPlayConfig, network: Callable[[], nn.Module], rings: Rings, attend: Callable
) -> Contract:
    """network: loads it; rings: those whose buffers the graphs will be bound to, or any of their shapes."""
    by_row = {row: row_graphs(config, rings, row) for row in rows_of(config)}

    def modules() -> dict[str, nn.Module]:
        net, found = network(), {}
        for row, graphs in by_row.items():
            for name, graph in graphs.items():
                if not name.startswith("text"):
                    found[name] = PassModule(net, graph, row, rings, attend)
                elif graph.outputs:
                    found[name] = WanTextModule(net)
                else:
                    found[name] = TextModule(net, graph, row)
        return found

    return Contract(
        world, identity, {name: graph for graphs in by_row.values() for name, graph in graphs.items()}, modules
    )
