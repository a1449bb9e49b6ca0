"""One world on several GPUs: each process computes some of every frame's tokens. Torch only; torchrun starts them.

Sequence parallelism by PyTorch's DTensor. A process's share of the tokens goes through all layers. Attention is the one
place where tokens meet: there the chunk's keys and values are gathered, so that each process has the whole cache, and
attends with its own queries (as in Llama 3, Dubey et al. 2024, sec. 3.3.2). Caches that are per position are held for a
process's own positions only. The flow is gathered at the end, and all go on from the same numbers.

Weights are not split, and decoding is not either. It is not torch's `context_parallel`, which splits the keys too and
knows no cache. Nor does it start anything: a player under torchrun asks `start` for its team, loads the world with it,
and plays it through a `Leader` where the rank is 0; all others `follow`. GPUs have to be of one kind, for each draws
the noise by itself.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

import numpy as np
import torch
import torch.distributed as dist
from torch.distributed.device_mesh import DeviceMesh, init_device_mesh
from torch.distributed.tensor import DTensor, Replicate, Shard

from model.layer_ring import RingShape
from model.rings import Rings
from model.rotary import Table
from model.split import Split
from model.world import World, WorldInfo
from runtime.errors import UserError, first_sentence

STALL_S = 300.0  # a process that is this late for the others in the middle of a chunk does not come any more
PATIENCE_S = 7 * 24 * 3600.0  # a person may pause for as long; one that dies is noticed at once
NEXT, END = "next", "end"


class TokenSplit(Split):
    """Of `tokens` tokens per frame, the even share of this process along `mesh`; the last ones may have fewer."""

    def __init__(self, mesh: DeviceMesh, tokens: int) -> None:
        self.mesh, self.tokens = mesh, tokens
        share = -(-tokens // mesh.size())
        if share * (mesh.size() - 1) >= tokens:
            most = max(n for n in range(1, mesh.size()) if -(-tokens // n) * (n - 1) < tokens)
            what = f"{tokens} tokens per frame leave some of {mesh.size()} processes without any"
            raise UserError(what, "--nproc-per-node", f"start {most}")
        everything = DTensor.from_local(torch.arange(tokens, device=mesh.device_type), mesh, [Replicate()])
        own = everything.redistribute(placements=[Shard(0)]).to_local()
        self.first, self.count = int(own[0]), len(own)

    def scatter(self, tokens: torch.Tensor, dim: int = 1) -> torch.Tensor:
        return tokens.narrow(dim, self.first, self.count).contiguous()

    def gather(self, *parts: torch.Tensor, dim: int = 1) -> Sequence[torch.Tensor]:
        """All parts travel at once, for it is the number of messages that takes the time."""
        share = torch.stack(parts)
        # Shares differ in size, and DTensor does not ask the others: it is told the size of the whole.
        whole = torch.empty((len(parts), *parts[0].shape[:dim], self.tokens, *parts[0].shape[dim + 1 :]), device="meta")
        shards = [Shard(dim + 1)]
        split = DTensor.from_local(share, self.mesh, shards, shape=whole.shape, stride=whole.stride())
        return split.full_tensor().unbind()

    def own(self, table: Table) -> Table:
        return tuple(self.scatter(part.unflatten(0, (-1, self.tokens))).flatten(0, 1) for part in table)


class SplitRings(Rings):
    """The caches of one process of several: of those per position only its own. Their state is that of all."""

    def __init__(self, shapes: Mapping[str, RingShape], device: torch.device, dtype: torch.dtype, split: TokenSplit):
        """shapes: as for one process alone. What the batch of a ring over all tokens is for, everybody has all of."""
        self.split = split
        self._shared = {name for name, shape in shapes.items() if shape.tokens == 1 and shape.batch == split.tokens}
        own = {name: replace(shapes[name], batch=split.count) for name in self._shared}
        super().__init__({**shapes, **own}, device, dtype)

    def state(self) -> dict[str, torch.Tensor]:
        """See Rings: the same as that of a single process. All processes have to ask for it."""
        whole = {name: self.split.gather(self[name].buffer, dim=2)[0].cpu() for name in sorted(self._shared)}
        return super().state() | whole

    def layout(self) -> dict[str, tuple[tuple[int, ...], torch.dtype]]:
        """See Rings: the same as that of a single process."""
        own = super().layout()
        whole = {name: list(own[name][0]) for name in self._shared}
        for shape in whole.values():
            shape[2] = self.split.tokens
        return own | {name: (tuple(shape), own[name][1]) for name, shape in whole.items()}

    def load_state(self, state: Mapping[str, torch.Tensor]) -> None:
        own = {name: self.split.scatter(state[name], 2) for name in self._shared}
        super().load_state({**state, **own})


def split_rings(sketch: Rings, team: Team, device: torch.device | str, dtype: torch.dtype) -> SplitRings:
    """Caches of the shapes of `sketch`, which may be on the meta device, for one of `team`: passes over them are split.

    Raises UserError where there are more processes than can be given tokens.
    """
    shapes = {name: sketch[name].shape for name in sketch.names}
    return SplitRings(shapes, device, dtype, TokenSplit(team.mesh, max(shape.tokens for shape in shapes.values())))


@dataclass(frozen=True)
class Team:
    """The processes of one walk. `device` is this one's; `mesh` computes, `words` says what is to be done."""

    rank: int
    size: int
    device: str
    mesh: DeviceMesh
    words: dist.ProcessGroup

    def tell(self, verb: str, *arguments: object) -> None:
        """Say to all others that they shall do `verb`; for rank 0. Raises UserError where one of them is gone."""
        self._pass_on([(verb, arguments)], "another process of this walk is gone")

    def hear(self) -> tuple[str, tuple]:
        """What rank 0 says next, waiting for it. Raises UserError where that is gone."""
        heard = [None]
        self._pass_on(heard, "the process that leads this walk is gone or silent")
        return heard[0]

    def _pass_on(self, message: list, gone: str) -> None:
        try:
            dist.broadcast_object_list(message, src=0, group=self.words)
        except RuntimeError as error:
            remedy = "see what it said last, and start them all again"
            raise UserError(gone, f"rank {self.rank} of {self.size}", remedy) from error

    def dismiss(self) -> None:
        """Let the followers go; for rank 0, when its world is no longer at work."""
        self.tell(END)

    def close(self) -> None:
        """Leave; for every rank, after that."""
        dist.destroy_process_group()


def start(device: str = "auto", stall_s: float = STALL_S, patience_s: float = PATIENCE_S) -> Team | None:
    """Join the processes that torchrun started; None where this one was started by itself. All wait for all here.

    device: "cpu", "cuda" or "auto", as for a world; each process takes the GPU of its number on this machine.
    """
    if "LOCAL_RANK" not in os.environ or int(os.environ.get("WORLD_SIZE", "1")) == 1:
        return None
    rank, size, local = (int(os.environ[name]) for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK"))
    kind = device.partition(":")[0] if device != "auto" else "cuda" if torch.cuda.is_available() else "cpu"
    if kind == "cuda":
        if local >= torch.cuda.device_count():
            what = f"there is no GPU for process {local + 1} of this machine, which has {torch.cuda.device_count()}"
            raise UserError(what, "--nproc-per-node", "start as many processes as there are GPUs")
        torch.cuda.set_device(local)
    try:
        dist.init_process_group("nccl" if kind == "cuda" else "gloo", timeout=timedelta(seconds=stall_s))
        # Words are few and may be long in coming: they go from host to host, where waiting costs nothing.
        words = dist.new_group(backend="gloo", timeout=timedelta(seconds=patience_s))
        mesh = init_device_mesh(kind, (size,))
    except (RuntimeError, ValueError) as error:
        what = f"the processes of this walk do not find each other: {first_sentence(error)}"
        raise UserError(what, f"rank {rank} of {size}", "start them with torchrun") from error
    return Team(rank, size, f"cuda:{local}" if kind == "cuda" else kind, mesh, words)


class Leader:
    """The world that the player of rank 0 plays: see model.world.World. Whatever it does, its followers are told first.

    It takes no word back: once it is no longer used, `Team.dismiss` lets the followers go.
    """

    def __init__(self, world: World, team: Team) -> None:
        self.world, self.team = world, team

    @property
    def info(self) -> WorldInfo:
        return replace(self.world.info, device=f"{self.team.size} x {self.world.info.device}")

    @property
    def backend(self) -> str:
        return self.world.backend

    @property
    def spent(self) -> Mapping[str, float]:
        return self.world.spent

    @property
    def building(self) -> str:
        return self.world.building

    def close(self) -> None:
        self.world.close()

    @property
    def camera(self) -> np.ndarray:
        return self.world.camera

    def reset(self, image: np.ndarray | None, prompt: str | None, seed: int) -> None:
        self._all("reset", image, prompt, seed)

    def prompt(self, text: str) -> None:
        self._all("prompt", text)

    def state(self) -> dict[str, np.ndarray]:
        return self._all("state")

    def require_state(self, state: dict[str, np.ndarray]) -> None:
        self.world.require_state(state)

    def load_state(self, state: dict[str, np.ndarray]) -> None:
        self.require_state(state)  # followers must not be told of one that is refused
        self._all("load_state", state)

    def step(self, controls: np.ndarray) -> Iterator[np.ndarray]:
        pictures = self._all("step", controls)
        return pictures if self.world.info.overlaps else self._in_step(pictures)

    def _in_step(self, pictures: Iterator[np.ndarray]) -> Iterator[np.ndarray]:
        """A world that does not overlap works while its pictures are taken, or not if they are not: so must all."""
        while True:
            self.team.tell(NEXT)
            picture = next(pictures, None)
            if picture is None:
                return
            yield picture

    def _all(self, verb: str, *arguments: object):
        self.team.tell(verb, *arguments)
        return getattr(self.world, verb)(*arguments)


def follow(world: World, team: Team) -> None:
    """Do with `world` what the leader does with its own, until dismissed; pictures are thrown away.

    Raises UserError where the leader is gone without a word. What `world` will not do, the leader's says that it won't.
    """
    pictures: Iterator[np.ndarray] = iter(())
    while True:
        verb, arguments = team.hear()
        if verb == END:
            return
        if verb == NEXT:
            next(pictures, None)
        elif verb == "step":
            pictures = world.step(*arguments)
        else:
            with contextlib.suppress(UserError):
                getattr(world, verb)(*arguments)
