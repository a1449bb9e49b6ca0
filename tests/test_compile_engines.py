"""Every engine of Matrix-Game 2.0 that a CPU runs, against eager: roll-outs beyond the window, eviction, recaching."""

from __future__ import annotations

import gc
import weakref

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed: make test installs it")

from matrix_fixtures import tiny_config  # noqa: E402

from bench import synthetic  # noqa: E402
from bench.synthetic import matrix_game  # noqa: E402
from compile.fit import Fit  # noqa: E402
from compile.manager import engine_module, ready_at_once  # noqa: E402
from compile.plan import Place  # noqa: E402
from compile.store import Store  # noqa: E402
from model.graph import CACHE, STATE, Unavailable  # noqa: E402
from model.placement import place  # noqa: E402
from model.world import LoadOptions  # noqa: E402

VARIANTS = {
    "universal": {},
    "gta": {"keyboard": ("forward", "back"), "pitch": False, "window": 4},
    "templerun": {"keyboard": ("jump", "slide"), "one_hot": True, "mouse_dim": 0},
}
CHUNKS = 6  # the widest window holds two
LEVELS = 1  # of 255: a picture's byte may round the other way


def open_world(variant: str, engines, **options):
    how = LoadOptions(device="cpu", threads=1, engines=engines, settled=True, **options)
    return matrix_game(tiny_config(**VARIANTS[variant]), place(how), options=how)


def held(chunk: int, world) -> np.ndarray:
    random = np.random.default_rng(chunk)
    count = world.config.chunk_frames if world.chunk else world.config.first_chunk_frames
    rows = np.zeros((count, world.info.control_columns), np.float32)
    rows[:, 2:4] = random.normal(0, 0.02, (count, 2))
    rows[:, 4:] = random.random((count, rows.shape[1] - 4)) > 0.5
    return rows


def walk(world, chunks: int = CHUNKS) -> list[np.ndarray]:
    """Pictures of a walk in whose middle a chunk is computed anew under another condition, as on a new prompt."""
    world.reset(None, None, 5)
    pictures = []
    for chunk in range(chunks):
        pictures += world.step(held(chunk, world))
        if chunk == chunks // 2:
            recache(world)
    return pictures


@torch.inference_mode()
def recache(world) -> None:
    world.network.put("visual", world.image.visual.flip(0))
    world.network.run("condition")
    world.rings.recache(world.config.network.chunk)
    world.network.run("commit", world.rings.filled)


@pytest.fixture(scope="module")
def walked(tmp_path_factory):
    """Eager's pictures, by variant."""
    kept = {}

    def of(variant: str) -> list[np.ndarray]:
        if variant not in kept:
            world = open_world(variant, tmp_path_factory.mktemp("none"), engine="eager")
            assert world.backend.startswith("eager fp32")
            kept[variant] = walk(world)
        return kept[variant]

    return of


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """One folder of engines for all: what is exported for one is there for the next."""
    return tmp_path_factory.mktemp("engines")


@pytest.mark.parametrize(
    ("engine", "variant"),
    [*((engine, variant) for engine in ("ort", "openvino") for variant in VARIANTS), ("compile", "universal")],
)
def test_an_engine_equals_eager_beyond_the_window(engine, variant, store, walked):
    try:
        engine_module(engine).probe(Place(), "fp32")
    except Unavailable as reason:
        pytest.skip(f"{engine} {reason}")
    world = open_world(variant, store, engine=engine, precision="fp32")
    assert world.backend.startswith(f"{engine} fp32, decoder {engine} fp32"), "it was verified and taken"
    made = walk(world)
    assert len(made) == len(walked(variant)) == 9 + 12 * (CHUNKS - 1)
    error = np.abs(np.stack(made).astype(int) - np.stack(walked(variant))).max()
    assert error <= LEVELS, f"{error} levels"
    assert np.std([picture.mean() for picture in made]) > 0.1, "pictures differ, or this shows nothing"


@pytest.mark.parametrize("precision", ["fp8", "int8"])
def test_fewer_bits_are_measured_stored_and_found_again(precision, tmp_path, walked):
    """Eager with quantised layers: near the exact walk, not equal to it, and the same to the bit the next time."""
    said = []
    worlds = [open_world("universal", tmp_path, engine="eager", precision=precision, say=said.append) for _ in range(2)]
    assert all(world.network.backend == f"eager {precision}" for world in worlds), said
    assert all(world.decoder.backend == "eager fp32" for world in worlds)
    first, second = (np.stack(walk(world)).astype(int) for world in worlds)
    exact = np.stack(walked("universal"))
    assert np.array_equal(first, second)
    assert 0 < np.abs(first - exact).mean() < 8, "levels"
    assert {entry.facts["engine"] for entry in Store(tmp_path).entries()} == {"weights per token", "eager"}


def test_full_weights_are_freed_where_fewer_bits_took_over(tmp_path, monkeypatch):
    full = []

    def watched(module, *how):
        made = randomised(module, *how)
        full.extend(weakref.ref(block.ffn[0].weight) for block in getattr(made, "blocks", ()))
        return made

    randomised = synthetic.randomised
    monkeypatch.setattr(synthetic, "randomised", watched)
    world = open_world("universal", tmp_path, engine="eager", precision="int8")
    assert world.network.backend == "eager int8"
    gc.collect()
    assert full and not any(weight() is not None for weight in full)


@pytest.mark.parametrize("variant", VARIANTS)
def test_masks_and_slots_say_what_slices_do(variant, tmp_path):
    """The pure functions that are exported, against the same modules working in place."""
    world = open_world(variant, tmp_path, engine="eager")
    world.reset(None, None, 5)
    for chunk in range(4):
        list(world.step(held(chunk, world)))
        with torch.inference_mode():
            world.rings.stage(world.config.network.chunk)
        contract, buffers = world.network.contract, world.network.buffers
        graph, modules = contract.graphs["denoise"], contract.modules()
        inputs = [buffers.tensor(port.name).clone() for port in graph.inputs]
        before = [tensor.clone() for tensor in inputs]
        with torch.no_grad():
            flow, *updates = modules["denoise"](*inputs)
        assert all(torch.equal(a, b) for a, b in zip(before, inputs, strict=True)), "a function, nothing is in place"
        world.network.run("denoise", world.rings.filled)
        assert (flow - buffers["flow"]).abs().max() < 1e-5
        for port, made in zip(graph.updates, updates, strict=True):
            assert (made - buffers[port.name]).abs().max() < 1e-5, port.name


def test_what_stands_is_named_once_and_caches_are_blocks_of_whole_chunks(tmp_path):
    for variant in VARIANTS:
        world = open_world(variant, tmp_path, engine="eager")
        for graph in world.network.contract.graphs.values():
            names = [port.name for port in graph.inputs]
            assert len(set(names)) == len(names)
        starts = [port for name, port in world.network.buffers.ports.items() if name.endswith(".start")]
        assert starts and all(port.shape[0] == 1 for port in starts), "one write per cache: TensorRT takes no more"
        roles = {port.role for port in world.decoder.buffers.ports.values()}
        assert roles == {"", STATE}
        assert {port.role for port in world.network.buffers.ports.values()} == {"", CACHE}


def test_another_engine_goes_on_from_a_saved_state(store):
    """Engines hold no state: what one left, another takes up."""
    first, second = open_world("universal", store, engine="eager"), open_world("universal", store, engine="ort")
    first.reset(None, None, 5)
    for chunk in range(3):
        list(first.step(held(chunk, first)))
    second.load_state(first.state())
    a, b = list(first.step(held(3, first))), list(second.step(held(3, second)))
    assert np.abs(np.stack(a).astype(int) - np.stack(b)).max() <= LEVELS


def test_what_is_ready_at_once():
    class Shipped:
        exported = {"fp32": {}}

    assert ready_at_once(Shipped, "ort", "fp32") and ready_at_once(Shipped, "eager", "bf16")
    assert not ready_at_once(Shipped, "ort", "int8") and not ready_at_once(Shipped, "openvino", "fp32")


@pytest.mark.parametrize(("resident", "tiles", "encoders"), [(2, 2, "device"), (0, 1, "device"), (0, 4, "cpu")])
def test_short_memory_changes_no_picture(resident, tiles, encoders, tmp_path, walked, monkeypatch):
    """Blocks on the host, encoders on the CPU, a VAE in tiles."""
    found = Fit(True, resident, tiles, "fp32", encoders, 0, "memory: as arranged")
    monkeypatch.setattr("model.matrix_game.assemble.arrange", lambda *_: found)
    world = open_world("universal", tmp_path, engine="eager")
    assert "memory: as arranged" in world.info.notes
    made, wanted = np.stack(walk(world)).astype(int), np.stack(walked("universal"))
    assert np.abs(made - wanted).max() <= LEVELS


def test_engines_that_cannot_stream_blocks_say_so(store, monkeypatch):
    found = Fit(True, 0, 1, "fp32", "device", 0, "memory: as arranged")
    monkeypatch.setattr("model.matrix_game.assemble.arrange", lambda *_: found)
    world = open_world("universal", store, engine="ort")
    assert world.network.backend == "eager fp32" and world.decoder.backend == "ort fp32"
    assert "ort cannot run blocks that are kept in host memory" in world.info.notes[1]
    world = open_world("universal", store, engine="eager", precision="int8")
    assert world.network.backend == "eager fp32" and "eager makes 8-bit weights of full ones" in world.info.notes[1]


def test_where_there_is_no_room_to_try_an_engine_none_is_tried(tmp_path, walked, monkeypatch):
    found = Fit(True, 2, 1, "fp32", "device", 0, "memory: as arranged", in_turn=True, roomy=False)
    monkeypatch.setattr("model.matrix_game.assemble.arrange", lambda *_: found)
    world = open_world("universal", tmp_path, engine="ort")
    assert world.network.backend == world.decoder.backend == "eager fp32" and world.placement.in_turn
    assert "ort has no room to be tried in beside play" in world.info.notes[1]
    assert np.array_equal(np.stack(walk(world)), np.stack(walked("universal")))


def test_a_budget_is_told(tmp_path):
    world = open_world("universal", tmp_path, engine="eager", vram=2.0)
    assert world.info.notes[-1] == "memory: 0.6 of 2.0 GB: everything in main memory"


def test_too_little_memory_is_said_before_anything_is_loaded(tmp_path):
    from runtime.errors import UserError

    with pytest.raises(UserError, match="GB are the least that will do"):
        open_world("universal", tmp_path, vram=0.1)
