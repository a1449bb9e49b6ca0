"""What can be measured: a row's specification, and how a world of each family is come by. Nothing is measured here.

The embedded world is its own files. A family whose weights are downloaded gets random ones (bench/synthetic.py,
bench/synthetic_worldplay.py), at full size or in a tiny configuration whose name says so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from model import registry
from model.graph import Contract, Seen, Unavailable
from model.registry import find_world, list_worlds
from model.world import LoadOptions, World
from model.worldfile import read_world_file
from runtime.errors import UserError

TORCH_ENGINES = ("eager", "compile", "graph")  # they compute in the type that the buffers have
ANY = "-"  # the attention of a row whose engine, or whose family, has its own
GUIDED = ", guided"


@dataclass(frozen=True)
class Spec:
    """One row: what is measured. device: torch's name; threads: of everything on the CPU; full: false for tiny sizes.

    seconds: how long chunks are played; repeats: the fewest chunks, and runs of a graph, that a figure is read from.
    context: latent frames that a chunk looks back on, where a world gathers them; None for as many as it was made for.
    size: WxH for such a world's pictures, where they are not to be of its own.
    """

    world: str
    engine: str
    precision: str
    attention: str = ANY
    device: str = "cpu"
    threads: int = 1
    full: bool = True
    seconds: float = 2.0
    repeats: int = 8
    context: int | None = None
    size: str = ""

    @property
    def title(self) -> str:
        """The world's name, as a table has it."""
        said = [] if self.full else ["tiny"]
        said += [] if self.context is None else [f"context {self.context}"]
        said += [self.size] if self.size else []
        return f"{self.world} ({', '.join(said)})" if said else self.world


@dataclass(frozen=True)
class Family:
    """load: a world of it; window: the chunks that fill its caches; attends: whether attention's back end is a choice;
    anywhere: whether it runs on a GPU too; official: whether its weights are not in the repository.

    sketch: its contracts without weights or caches, None where those are at hand; runs: how often a chunk runs each of
    its graphs; seen: what is filled when a graph costs the most, where that is less than all there is room for. sizes:
    what the costs of its worlds depend on, as a name: worlds of one name cost the same.

    gathers: whether what a chunk looks back on is chosen and computed anew for each: then it may be less, and as
    nothing of the caches outlives a chunk, rows go on from where the one that they are compared with filled its window.
    compared: that one's precision at full size, bf16 where nobody would wait for a roll-out in fp32.
    """

    load: Callable[[Spec], World]
    window: Callable[[World], int]
    attends: bool
    anywhere: bool
    official: bool
    sketch: Callable[[Spec], list[Contract]] | None = None
    runs: Callable[[Spec], Mapping[str, int]] = lambda spec: {}
    seen: Callable[[Spec], Mapping[str, Seen]] = lambda spec: {}
    sizes: Callable[[str], str] = lambda world: ""
    gathers: bool = False
    compared: str = "fp32"


def load_dream(spec: Spec) -> World:
    return registry.load_world(spec.world, LoadOptions(threads=spec.threads, device=spec.device))


def torch_options(spec: Spec) -> LoadOptions:
    attention = "sdpa" if spec.attention == ANY else spec.attention
    return LoadOptions(device=spec.device, attention=attention, threads=spec.threads, context=spec.context)


def torch_placement(spec: Spec):
    from model.placement import place

    return place(torch_options(spec), buffer_type(spec))


def matrix_game_config(spec: Spec):
    from bench.synthetic import tiny, variant

    return variant(spec.world) if spec.full else tiny(variant(spec.world))


def load_matrix_game(spec: Spec) -> World:
    from bench.synthetic import matrix_game

    return matrix_game(matrix_game_config(spec), torch_placement(spec), options=torch_options(spec))


def sketch_matrix_game(spec: Spec) -> list[Contract]:
    from bench.synthetic import sketch

    return sketch(matrix_game_config(spec), torch_placement(spec))


def worldplay_config(spec: Spec):
    from bench.synthetic_worldplay import tiny, variant

    config = variant(spec.world, torch_options(spec))
    if not spec.full:
        return tiny(config)
    try:
        width, height = (int(side) for side in spec.size.split("x")) if spec.size else (config.width, config.height)
        return replace(config, width=width, height=height)
    except ValueError as error:
        raise UserError(f"no size of pictures: {error}", f"--size {spec.size}", "give WxH in whole patches") from error


def load_worldplay(spec: Spec) -> World:
    from bench.synthetic_worldplay import worldplay

    return worldplay(worldplay_config(spec), torch_placement(spec), options=torch_options(spec))


def sketch_worldplay(spec: Spec) -> list[Contract]:
    from bench.synthetic_worldplay import sketch

    return sketch(worldplay_config(spec), torch_placement(spec))


def worldplay_seen(spec: Spec) -> Mapping[str, Seen]:
    from bench.synthetic_worldplay import fullest

    return fullest(worldplay_config(spec))


def dream_window(world: World) -> int:
    return world.config.slots


def matrix_game_window(world: World) -> int:
    network = world.config.network
    return -(-network.window // network.chunk)


def worldplay_window(world: World) -> int:
    return world.config.memory.budget // world.info.latent_frames_per_chunk


def worldplay_sizes(world: str) -> str:
    """The network, and whether it is guided; said without torch."""
    said = read_world_file(find_world(world)).config
    return said.get("network", "8b") + (GUIDED if said.get("guidance", 1.0) != 1 else "")


def matrix_game_runs(spec: Spec) -> Mapping[str, int]:
    config = matrix_game_config(spec)
    return {"denoise": len(config.plan().steps), "commit": 1, "decode": config.network.chunk}


def worldplay_runs(spec: Spec) -> Mapping[str, int]:
    from model.worldplay.config import CHUNK
    from model.worldplay.graphs import rows_of, suffix

    config = worldplay_config(spec)
    each = {"context": 1, "denoise": len(config.plan().steps)}
    return {f"{name}{suffix(row)}": each[name] for name in each for row in rows_of(config)} | {"decode": CHUNK}


FAMILIES = {
    "dream": Family(load_dream, dream_window, attends=False, anywhere=False, official=False),
    "matrix-game": Family(
        load_matrix_game,
        matrix_game_window,
        attends=True,
        anywhere=True,
        official=True,
        sketch=sketch_matrix_game,
        runs=matrix_game_runs,
    ),
    "worldplay": Family(
        load_worldplay,
        worldplay_window,
        attends=True,
        anywhere=True,
        official=True,
        sketch=sketch_worldplay,
        runs=worldplay_runs,
        seen=worldplay_seen,
        sizes=worldplay_sizes,
        gathers=True,
        compared="bf16",
    ),
}


def family_of(world: str) -> Family:
    """Raises Unavailable for a family that nothing here can load without its weights."""
    name = read_world_file(find_world(world)).family
    if name not in FAMILIES:
        raise Unavailable(f"the family {name} has no entry in bench/families.py")
    return FAMILIES[name]


def first_of_each_size() -> list[str]:
    """One bundled world for each of the sizes that a family's worlds have, but for guided ones, far from real time."""
    found: dict[tuple[str, str], str] = {}
    for name, _, _ in list_worlds():
        family = read_world_file(find_world(name)).family
        if family in FAMILIES:
            found.setdefault((family, FAMILIES[family].sizes(name)), name)
    return [world for (_, size), world in found.items() if not size.endswith(GUIDED)]


def buffer_type(spec: Spec):
    """torch's type of the buffers: 8-bit engines are given halves on a GPU, and all but torch's own floats on a CPU."""
    import torch

    names = {"fp32": "float32", "bf16": "bfloat16", "fp16": "float16"}
    cpu = spec.device.startswith("cpu")
    if cpu and spec.engine not in TORCH_ENGINES:
        return torch.float32
    wanted = names.get(spec.precision, "bfloat16" if spec.precision == "fp8" or not cpu else "float32")
    return getattr(torch, wanted)


def is_reference(spec: Spec) -> bool:
    """Whether it is the row that the others of its world are compared with."""
    compared = family_of(spec.world).compared if spec.full else "fp32"
    return spec.engine == "eager" and spec.precision == compared and spec.attention in (ANY, "sdpa")
