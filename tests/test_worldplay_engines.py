"""WorldPlay on other engines than eager, with fewer bits, and where memory is short: the same pictures."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed: make test installs it")

from worldplay_fixtures import VARIANTS, open_world, recorded, tiny_config, walk  # noqa: E402

from compile.fit import Fit  # noqa: E402
from compile.host_weights import StreamedBlock  # noqa: E402
from compile.manager import engine_module  # noqa: E402
from compile.plan import Job, Place  # noqa: E402
from model.graph import Unavailable  # noqa: E402

GUIDED = {"guidance": 3.0, "steps": 2}
CHUNKS = 5  # with a context of eight latents, which is filled behind the second and chosen from then on
LEVELS = 1  # of 255: a picture's byte may round the other way


def config_of(network: str, **changes):
    config = tiny_config(network, **changes)
    return replace(config, memory=config.memory.limited(8))


def played(world) -> tuple[np.ndarray, np.ndarray]:
    """Latents and pictures of a walk that turns, and in whose middle another text is told."""
    latents = recorded(world)
    world.reset(None, 'a sign that reads "OPEN"', 4)
    pictures = walk(world, 2, yaw=0.03)
    world.prompt("a street, and more words than that")
    pictures += walk(world, CHUNKS - 2, yaw=-0.03)
    return np.concatenate(latents), np.concatenate(pictures).astype(int)


@pytest.fixture(scope="module")
def exact():
    """What the variants draw on eager in float32, everything in place."""
    return {network: played(open_world(config_of(network))) for network in VARIANTS}


@pytest.mark.parametrize("network", VARIANTS)
def test_onnx_runtime_equals_eager(network, tmp_path):
    """Of static shapes, by masks: contexts that are not full yet, and texts of two lengths."""
    pytest.importorskip("onnxscript", reason="onnxscript is not installed: make test installs it")
    try:
        engine_module("ort").probe(Place(), "fp32")
    except Unavailable as reason:
        pytest.skip(f"ort {reason}")
    config = config_of(network)  # the 8B has as many tokens per frame as there are frames in a context
    few = {"hunyuan": replace(config.hunyuan, layers=2, refiner_layers=1), "wan": replace(config.wan, layers=1)}
    config = replace(config, **few)
    plain, world = open_world(config), open_world(config)
    contract = world.network.contract
    job = Job(contract, "ort", "fp32", Place(), tmp_path, shared={"modules": contract.modules})
    engine = engine_module("ort").build(job)
    world.network.take(engine.bind(world.network.buffers), "ort fp32")
    (latents, pictures), (own, wanted) = played(world), played(plain)
    assert 0 < np.abs(latents - own).max() < 1e-4 and np.abs(pictures - wanted).max() <= LEVELS


@pytest.mark.parametrize("precision", ["fp8", "int8"])
@pytest.mark.parametrize("network", VARIANTS)
def test_fewer_bits_are_measured_and_played(network, precision, exact, tmp_path):
    """Attention, text's half and MLPs of most blocks take them; what is drawn is near, and not the same."""
    world = open_world(config_of(network), engine="eager", precision=precision, settled=True, engines=tmp_path)
    assert world.network.backend == f"eager {precision}", world.info.notes
    latents, _ = played(world)
    own, _ = exact[network]
    off = np.linalg.norm(latents - own) / np.linalg.norm(own)
    assert 1e-4 < off < 0.2


def short_of_memory(monkeypatch, **arranged) -> None:
    found = replace(Fit(True, 99, 1, "fp32", "device", 0, "memory: as arranged"), **arranged)
    monkeypatch.setattr("model.worldplay.assemble.arrange", lambda *_: found)


@pytest.mark.parametrize("resident, compact", [(0, False), (0, True), (99, False)])
@pytest.mark.parametrize("network", VARIANTS)
def test_layers_on_the_host_change_no_bit(network, resident, compact, exact, monkeypatch):
    """Those of the 8B that only read prompts leave the device first."""
    resident = min(resident, config_of(network).net.layers)
    short_of_memory(monkeypatch, resident=resident, compact=compact, seldom="host")
    world = open_world(config_of(network))
    net = next(iter(world.network._bound._modules.values())).net
    moved = [isinstance(block, StreamedBlock) for block in net.blocks]
    assert moved == [resident == 0] * len(net.blocks) and "memory: as arranged" in world.info.notes
    assert [isinstance(block, StreamedBlock) for block in net.seldom] == [True] * (len(moved) if network == "8b" else 0)
    assert all(np.array_equal(*pair) for pair in zip(played(world), exact[network], strict=True))


@pytest.mark.parametrize("changes", [{}, GUIDED], ids=["distilled", "guided"])
@pytest.mark.parametrize("network", VARIANTS)
def test_compact_caches_are_half_and_change_no_bit(network, changes):
    """Also the bits of a state that one form saved and the other one goes on from."""
    if network == "5b" and changes:
        changes = {"guidance": 3.0}
    whole, compact = (open_world(config_of(network, compact=form, **changes)) for form in (False, True))
    assert all(np.array_equal(*pair) for pair in zip(played(whole), played(compact), strict=True))
    for row, rings in whole.rings.items():
        assert rings.bytes == 2 * compact.rings[row].bytes
    compact.load_state(whole.state())
    assert np.array_equal(walk(whole, 1)[0], walk(compact, 1)[0])


def test_compact_caches_are_refused_by_engines_that_export():
    from compile.manager import allowed
    from model.world import LoadOptions
    from model.worldplay.assemble import COMPACT

    contract = open_world(config_of("5b", compact=True)).network.contract
    found, reasons = allowed(contract, Place(), LoadOptions(engine="ort"), "fp32", COMPACT)
    assert found == [("eager", "fp32")] and reasons["ort"] == "cannot run compact caches"


@pytest.mark.parametrize("network", VARIANTS)
def test_what_a_latent_leaves_in_the_cache_depends_on_what_is_looked_back_on_with_it(network):
    """But in the first block: there alone keys and values could be kept from chunk to chunk."""
    world = open_world(config_of(network, compact=True))
    world.reset(None, "a street", 1)
    walk(world, 6, yaw=0.03)
    found = []
    for other in (4, 12):
        world.history.choose = lambda current, other=other: (0, 1, 2, 3, *range(other, other + 4))
        with torch.inference_mode():
            world._look_back()
        ring = world.rings[""]["self"]
        tokens = slice(ring.told, ring.told + 4 * ring.shape.tokens)  # of the four that both have, at the same places
        found.append(ring.buffer[:, :, :, :, tokens].clone())
    first, *later = (found[0] - found[1]).abs().amax((0, 2, 3, 4, 5))
    assert first == 0 and min(later) > 1e-3
