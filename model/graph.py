"""The graph contract: what a world computes, as data that every engine reads. It computes nothing and needs no torch.

A world is a few graphs of static shapes over standing buffers, which graphs share by the names of their ports:
`denoise` (noisy chunk, timestep, conditions, caches, and which of their slots are valid, to a prediction), `commit`
(clean chunk, whose keys and values stay in its slots) and `decode` (latents and the decoder's state to BGRA bytes), and
what a family needs beside them. What a port's role says:

- "" is read, or written, by one run;
- "cache" is a key-value cache [batch, heads, slots * tokens, head_dim] of which a run rewrites the slots of its chunk,
  in place: ONNX's TensorScatter, TensorRT's KV-cache update;
- "state" is replaced as a whole by a run (what a causal decoder remembers).

Both kinds leave a graph as NAME_out and lie, in and out, at one address, so everything between two runs is in the
buffers: an engine holds no state, and one can take another's place between any two runs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

FLOAT = "float"  # the dtype of a port that has the precision in which a world is run
CACHE, STATE = "cache", "state"
# How much there is where it is not always the same: of each kind of cache the tokens that hold something, then whatever
# else a graph counts (frames, tokens of text). Engines that have a graph per fill slice by it, the others use the mask
# ports, which say the same.
Seen = tuple[int, ...]


class Unavailable(Exception):
    """Why a back end cannot run here, in words."""


@dataclass(frozen=True)
class Port:
    """A tensor that goes in or out. dtype: FLOAT, or a NumPy type's name."""

    name: str
    shape: tuple[int, ...]
    dtype: str = FLOAT
    role: str = ""


@dataclass(frozen=True)
class Graph:
    """Inputs in the order of the module's arguments; `outputs` are those that are no cache and no state.

    within: a graph of the same inputs whose run leaves the same updates, and outputs besides: an engine that holds its
    own copy of the weights per graph may run that one instead.
    """

    name: str
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...] = ()
    within: str = ""

    @property
    def updates(self) -> tuple[Port, ...]:
        """The inputs that leave changed, in order."""
        return tuple(port for port in self.inputs if port.role)

    @property
    def output_names(self) -> tuple[str, ...]:
        """Names of all that leaves the graph: first `outputs`, then the updates."""
        return (*(port.name for port in self.outputs), *(f"{port.name}_out" for port in self.updates))


@dataclass(frozen=True)
class Contract:
    """The graphs of one world that share buffers.

    identity: a digest of the weights and of the configuration. modules: gives the torch modules by graph name, each
    with forward(*inputs, seen=None) to (*outputs, *updates): with `seen` it works in place on what is filled, without
    it by masks and as pure functions, as exported graphs do. exported: ONNX files that ship with the world, by
    precision and graph; under an engine's name, those that it has instead.
    """

    world: str
    identity: str
    graphs: Mapping[str, Graph]
    modules: Callable[[], Mapping[str, object]] | None = None
    exported: Mapping[str, Mapping[str, Path]] = field(default_factory=dict)

    def ports(self) -> dict[str, Port]:
        """Every buffer by name; a name that two graphs share is one buffer and must be one shape and type."""
        found: dict[str, Port] = {}
        for graph in self.graphs.values():
            for port in (*graph.inputs, *graph.outputs):
                known = found.setdefault(port.name, port)
                if (known.shape, known.dtype) != (port.shape, port.dtype):
                    raise ValueError(f"port {port.name}: {known} in one graph, {port} in {graph.name}")
        return found
