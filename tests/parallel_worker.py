"""What the processes of tests/test_compile_parallel.py run: walks under torchrun, and ends of all kinds.

python parallel_worker.py walk OUT WORLD...: one of torchrun's processes; writes OUT/<world>.<rank>.npz. A world is the
folder of a Matrix-Game, or the name of a WorldPlay in SPLIT.
python parallel_worker.py end: forks pairs that end in different ways; prints one line of JSON per process.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import socket
import sys
import time
from dataclasses import replace
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent.parent), str(Path(__file__).resolve().parent)]

import numpy as np  # noqa: E402
import torch  # noqa: E402
from fake_world import FakeWorld  # noqa: E402
from test_matrix_world import open_world, rows  # noqa: E402
from worldplay_fixtures import SPLIT, open_split, recorded  # noqa: E402

from compile import parallel  # noqa: E402
from runtime.errors import UserError  # noqa: E402

CHUNKS = 4  # of three latent frames each, in windows of six and four
PATIENCE_S = 3.0
HANGS_S = 60.0


def opened(name: str, **options):
    """The world that a command line names."""
    return open_split(name, **options) if name in SPLIT else open_world(Path(name), decoder="tiny", **options)


def play(world) -> dict[str, np.ndarray]:
    """Past the window; a chunk that is given up; a picture of one's own; back to a state that was kept."""
    world.reset(None, None, 3)
    pictures = [picture for chunk in range(CHUNKS) for picture in world.step(rows(world, chunk))]
    kept = world.state()
    given_up = world.step(rows(world, CHUNKS))
    pictures.append(next(given_up))
    del given_up
    world.reset(np.full((50, 90, 3), 200, np.uint8), None, 5)
    pictures += world.step(rows(world, 0))
    world.load_state(kept)
    pictures += world.step(rows(world, CHUNKS))
    return {f"state.{name}": array for name, array in kept.items()} | {"pictures": np.stack(pictures)}


def walk(out: Path, names: list[str]) -> None:
    team = parallel.start("cpu")
    for name in names:
        world = opened(name, team=team)
        latents, result = recorded(world), {}
        if team.rank == 0:
            leader = parallel.Leader(world, team)
            result = play(leader) | {"device": np.array(leader.info.device), "camera": leader.camera}
            team.dismiss()
        else:
            parallel.follow(world, team)
        mouse = world.rings["mouse"].buffer.shape[2] if "mouse" in getattr(world.rings, "names", ()) else 0
        result |= {"latents": np.stack(latents), "positions": np.array(mouse)}
        np.savez(out / f"{Path(name).name}.{team.rank}.npz", **result)
    team.close()


# ---- ends ----


class MeetingWorld(FakeWorld):
    """A world whose steps need all processes, and in which one of them is lost: `lost` says whether it is this one."""

    def __init__(self, team, lost: bool) -> None:
        super().__init__()
        self.info = replace(self.info, overlaps=True)
        self.split, self.lost = parallel.TokenSplit(team.mesh, 4), lost

    def step(self, controls: np.ndarray):
        if self.lost:
            os._exit(9)
        self.split.gather(torch.zeros(1, self.split.count, 2))
        return super().step(controls)


def lead(team, end: str) -> None:
    world = MeetingWorld(team, True) if end == "leader dies in a chunk" else FakeWorld()
    leader, controls = parallel.Leader(world, team), np.zeros((4, 4), np.float32)
    leader.reset(None, None, 1)
    assert len(list(leader.step(controls))) == 4
    match end:
        case "leader dies":
            os._exit(9)
        case "leader hangs":
            time.sleep(HANGS_S)
        case "follower dies":
            while True:
                list(leader.step(controls))
        case "world fails":
            leader.prompt("more light")
    team.dismiss()


def member(rank: int, port: int, end: str) -> None:
    """One process of a pair; prints how it went and leaves at once, as play.py does."""
    os.environ |= {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": "2"}
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    torch.set_num_threads(1)
    team, said, started = parallel.start("cpu", patience_s=PATIENCE_S), "", time.perf_counter()
    try:
        if rank == 0:
            lead(team, end)
        else:
            world = MeetingWorld(team, False) if end == "leader dies in a chunk" else FakeWorld()
            world.reset = (lambda *_: os._exit(9)) if end == "follower dies" else world.reset
            parallel.follow(world, team)
    except (UserError, RuntimeError) as error:
        said = f"{type(error).__name__}: {error}"
    seconds = time.perf_counter() - started
    line = json.dumps({"end": end, "rank": rank, "said": said, "seconds": seconds}) + "\n"
    os.write(1, line.encode())  # in one piece: the other writes to the same pipe
    os._exit(0)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def end_in_all_ways(ends: list[str]) -> None:
    fork = multiprocessing.get_context("fork")
    for end in ends:
        port = free_port()
        pair = [fork.Process(target=member, args=(rank, port, end)) for rank in range(2)]
        for process in pair:
            process.start()
        # The second's end is what is looked for; the first may hang.
        pair[1].join(30)
        pair[0].join(0 if end == "leader hangs" else 30)
        for process in pair:
            process.kill()
            process.join()


if __name__ == "__main__":
    if sys.argv[1] == "walk":
        walk(Path(sys.argv[2]), sys.argv[3:])
    else:
        end_in_all_ways(sys.argv[2:])
