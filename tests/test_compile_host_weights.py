"""Blocks whose weights stay on the host: nothing changes in what is computed, and the bytes are where they are said."""

from __future__ import annotations

import copy

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed: make test installs it")

from matrix_fixtures import tiny_config  # noqa: E402

from bench.synthetic import randomised  # noqa: E402
from compile import host_weights  # noqa: E402
from compile.fit import streamed  # noqa: E402
from compile.fp8 import Fp8Linear, quantise  # noqa: E402
from compile.host_weights import ALIGNMENT, StreamedBlock, stream_blocks  # noqa: E402
from model.checkpoint import on_meta  # noqa: E402
from model.matrix_game.actions import ActionWindows  # noqa: E402
from model.matrix_game.network import MatrixGameNet  # noqa: E402
from model.placement import place  # noqa: E402
from model.wan import Pass  # noqa: E402
from model.world import LoadOptions  # noqa: E402

WIDTH = 32
DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU"))]


class Block(torch.nn.Module):
    """Two products in bf16, a gain in float32 and a count that the block itself keeps."""

    def __init__(self, inner: int) -> None:
        super().__init__()
        self.first, self.second = torch.nn.Linear(WIDTH, inner).bfloat16(), torch.nn.Linear(inner, WIDTH).bfloat16()
        self.gain = torch.nn.Parameter(torch.rand(3, WIDTH).t()[:, :1])  # with strides that are not the usual ones
        self.register_buffer("calls", torch.zeros((), dtype=torch.long))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.calls += 1
        return x + self.gain[:, 0] * self.second(torch.relu(self.first(x.bfloat16()))).float()


class Plain(torch.nn.Module):
    """A block that compiles whole."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = torch.nn.Linear(WIDTH, WIDTH)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.layer(x).relu()


pytestmark = pytest.mark.usefixtures("one_thread")


def blocks_of(count: int) -> torch.nn.ModuleList:
    torch.manual_seed(count)
    return torch.nn.ModuleList(Block(16 * (2 + number % 3)) for number in range(count))


@torch.inference_mode()
def passes(blocks, device: str, count: int = 4) -> list[torch.Tensor]:
    """What several passes give, each with another input."""
    results = []
    for number in range(count):
        x = torch.linspace(-1, 1, 5 * WIDTH, device=device).view(5, WIDTH) * (number + 1)
        for block in blocks:
            x = block(x)
        results.append(x.cpu())
    return results


class Late(host_weights.Courier):
    """Copies as late as a stream may: when somebody waits for them, in the order in which they were queued."""

    def __init__(self, device) -> None:
        super().__init__(device)
        self.queued = []

    def send(self, host, slot) -> None:
        self.queued.append((host, slot))

    def wait(self, slot) -> None:
        while any(waiting is slot for _, waiting in self.queued):
            super().send(*self.queued.pop(0))


@pytest.mark.parametrize("late", [False, True], ids=["at once", "as late as can be"])
@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize(("count", "resident"), [(5, 0), (6, 0), (5, 1), (6, 1), (6, 4), (6, 5), (6, 6), (1, 0)])
def test_streamed_blocks_compute_the_same(count, resident, device, late, monkeypatch):
    if late and device == "cpu":
        monkeypatch.setattr(host_weights, "Courier", Late)
    blocks = blocks_of(count)
    expected = passes(copy.deepcopy(blocks).to(device), device)
    report = stream_blocks(blocks, resident, device)
    assert (report.resident, report.streamed) == (resident, count - resident)
    assert sum(isinstance(block, StreamedBlock) for block in blocks) == count - resident
    assert not torch.equal(expected[0], expected[1])
    for drawn, own in zip(passes(blocks, device), expected, strict=True):
        assert torch.equal(drawn, own)
    assert [block.calls.item() for block in blocks] == [4] * count, "buffers are the block's own"


def test_the_bytes_are_where_the_report_says():
    blocks = blocks_of(7)
    sizes = [sum(-(-each.nbytes // ALIGNMENT) * ALIGNMENT for each in block.parameters()) for block in blocks]
    stays = sorted({*range(7)} - {*streamed(7, 2)})
    own = sum(each.untyped_storage().nbytes() for number in stays for each in blocks[number].parameters())
    moving = [sizes[number] for number in streamed(7, 2)]
    buffers = sum(each.nbytes for each in blocks.buffers())
    report = stream_blocks(blocks, 2, "cpu")
    passes(blocks, "cpu", 3)
    found = {each.untyped_storage().data_ptr(): each.untyped_storage().nbytes() for each in blocks.parameters()}
    assert report.device == sum(found.values()) + buffers
    assert own + 2 * (max(moving) - ALIGNMENT) < report.device - buffers <= own + 2 * max(moving)
    assert sum(moving) - len(moving) * ALIGNMENT <= report.host <= sum(moving)


def test_a_pass_allocates_no_weights_and_copies_each_block_once(monkeypatch):
    sent = []
    send = host_weights.Courier.send
    monkeypatch.setattr(host_weights.Courier, "send", lambda self, *what: (sent.append(what), send(self, *what)))
    for count, first, later in ((5, 6, 5), (2, 2, 0), (1, 1, 0)):
        sent.clear()
        blocks = blocks_of(count)
        stream_blocks(blocks, 0, "cpu")
        passes(blocks, "cpu", 1)
        assert len(sent) == first, "each block, and the first one again for the next pass"
        passes(blocks, "cpu", 1)
        passes(blocks, "cpu", 1)
        assert len(sent) == first + 2 * later
        assert len({slot.buffer.data_ptr() for _, slot in sent}) == min(count, 2)


def test_parameters_are_aligned_and_shared_ones_lie_there_once():
    block = Block(48)
    block.twin = block.first
    block.again = torch.nn.Linear(WIDTH, 48)
    block.again.weight = block.first.weight
    parts = host_weights.parts_of(block)
    assert all(part.offset % ALIGNMENT == 0 for part in parts)
    assert len(parts) == len({id(each) for each in block.parameters()}) == 6
    blocks = torch.nn.ModuleList([block, *blocks_of(3)])
    stream_blocks(blocks, 0, "cpu")
    assert blocks[0].again.weight is blocks[0].first.weight


def test_layers_of_8_bit_floats_are_streamed_with_their_scales():
    blocks = blocks_of(4)
    quantise(blocks, ("*.first", "*.second"))
    expected = passes(copy.deepcopy(blocks), "cpu")
    kinds = {part.dtype for part in host_weights.parts_of(blocks[0])}
    assert {torch.float8_e4m3fn, torch.float32, torch.bfloat16} <= kinds
    stream_blocks(blocks, 1, "cpu")
    assert isinstance(blocks[2].first, Fp8Linear)
    for drawn, own in zip(passes(blocks, "cpu"), expected, strict=True):
        assert torch.equal(drawn, own)


def test_a_part_that_is_asked_for_is_there():
    """As the keys and values of the cross-attention are made, beside any pass, and in any order."""
    blocks = blocks_of(5)
    own = [block.first.weight.clone() for block in blocks]
    stream_blocks(blocks, 0, "cpu")
    for number in (3, 0, 4, 4, 1, 2, 0):
        assert torch.equal(blocks[number].first.weight, own[number]), number
    assert not hasattr(blocks[1], "third")
    expected = passes(blocks_of(5), "cpu", 1)
    assert torch.equal(passes(blocks, "cpu", 1)[0], expected[0]), "and a pass after that starts where it must"


def test_compiling_takes_the_blocks_alone_and_once():
    """Copies are no part of what is compiled, and a block that changes slots is not compiled again."""
    torch._dynamo.reset()
    compiled = []

    def backend(graph, inputs):
        compiled.append(graph)
        return graph.forward

    torch.manual_seed(0)
    blocks = torch.nn.ModuleList(Plain() for _ in range(5)).requires_grad_(False)
    expected = passes(copy.deepcopy(blocks), "cpu")
    stream_blocks(blocks, 2, "cpu")
    for block in blocks:
        block.compile(backend=backend, fullgraph=True, dynamic=False)
    for drawn, own in zip(passes(blocks, "cpu"), expected, strict=True):
        assert torch.equal(drawn, own)
    torch._dynamo.reset()
    assert len(compiled) == 1, len(compiled)


def test_what_cannot_be_streamed():
    blocks = blocks_of(3)
    with pytest.raises(ValueError, match="4 of 3 blocks"):
        stream_blocks(blocks, 4, "cpu")
    stream_blocks(blocks, 1, "cpu")
    with pytest.raises(ValueError, match="already"):
        stream_blocks(blocks, 1, "cpu")


@torch.inference_mode()
def chunks(net, config, count: int = 3) -> list[torch.Tensor]:
    """Flows of `count` chunks, two passes and a commit each, of a network with all its caches."""
    frames, size = config.network.chunk, config.latent_size
    generator = torch.Generator().manual_seed(3)
    rings = net.rings((size[0] // 2, size[1] // 2), "cpu", torch.float32)
    context = net.condition(torch.randn(config.clip.tokens, config.network.context_dim, generator=generator))
    keyboard, mouse = (torch.randn(frames, *size, generator=generator) for size in ((12, 4), (24,)))
    run, flows = Pass(rings, context, actions=ActionWindows(keyboard, mouse)), []
    for _ in range(count):
        x, condition = (torch.randn(frames, channels, *size, generator=generator) for channels in (16, 20))
        rings.stage(frames)
        for timestep in (900.0, 300.0):
            flows.append(net(x, condition, torch.full((frames,), timestep), run))
        net.commit(x, condition, torch.zeros(frames), run)
    return flows


def test_a_network_with_its_caches_draws_the_same():
    """Cross-attention included, whose keys and values are made beside the passes."""
    from dataclasses import replace

    config = tiny_config()
    actions = replace(config.network.actions, layers=(0, 1, 2, 3))
    config = replace(config, network=replace(config.network, layers=6, actions=actions))
    placement = place(LoadOptions(device="cpu", threads=1))
    own, other = (randomised(on_meta(MatrixGameNet, config.network), placement, 4) for _ in range(2))
    report = stream_blocks(other.blocks, 1, "cpu")
    other.to("cpu")  # what is beside the blocks goes to the device so; it must leave the slots alone
    assert report.streamed == 5 and report.device < sum(each.nbytes for each in own.blocks.parameters())
    for a, b in zip(chunks(own, config), chunks(other, config), strict=True):
        assert torch.equal(a, b)
