"""The attention back ends against torch's own, on this machine or with others' packages played by stand-ins."""

from __future__ import annotations

import sys
import types

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed: make test installs it")

from model import attention, attention_backends, sparse  # noqa: E402
from model.cache import Window  # noqa: E402
from model.layer_ring import RingShape  # noqa: E402
from model.rings import Rings  # noqa: E402
from model.rotary import Axes  # noqa: E402
from runtime.options import ATTENTION  # noqa: E402

CPU = torch.device("cpu")


def clip(*lengths: int, batch: int = 1, seed: int = 4, device: str = "cpu", dtype=torch.float32):
    torch.manual_seed(seed)
    return [torch.randn(batch, 4, length, 64, device=device, dtype=dtype) for length in lengths]


def test_the_command_line_offers_every_back_end():
    assert list(ATTENTION) == ["auto", *attention.BACKENDS]
    assert set(attention.AUTO) <= attention.BACKENDS.keys()


@pytest.mark.parametrize("name", [*attention.BACKENDS, "auto"])
def test_every_back_end_agrees_or_falls_back_with_a_reason(name):
    device = "cuda" if torch.cuda.is_available() else "cpu"
    dtype = torch.bfloat16 if device == "cuda" else torch.float32
    choice = attention.choose(name, device, dtype)
    if choice.name != name and name != "auto":
        assert choice.name == "sdpa" and name in choice.note and "(" in choice.note
        pytest.skip(choice.note)
    cache = clip(160, 160, device=device, dtype=dtype)
    (q,) = clip(96, seed=5, device=device, dtype=dtype)
    before = [x.clone() for x in cache]
    limit = 5e-2 if name == "sage" else 2e-2
    for seen in (130, 160):  # a part of the cache, and all of it
        k, v = (x[:, :, :seen] for x in cache)
        assert (choice.attend(q, k, v) - attention.sdpa(q, k, v)).abs().max() < limit
    assert all(torch.equal(a, b) for a, b in zip(cache, before, strict=True)), "the cache must not be written to"


@pytest.fixture
def anywhere(monkeypatch):
    """Back ends that ask for a GPU are made without one; gives what sets stand-ins for modules."""
    monkeypatch.setattr(attention_backends, "require_gpu", lambda *asked: None)

    def stand_in(name: str, **contents: object) -> None:
        parent, _, own = name.rpartition(".")
        module = types.ModuleType(name)
        module.__dict__.update(contents)
        monkeypatch.setitem(sys.modules, name, module)
        if parent in sys.modules:
            monkeypatch.setattr(sys.modules[parent], own, module, raising=False)

    return stand_in


def test_sage_never_gets_the_cache(anywhere):
    """What it is given it may write to: this one does, as the real one does to the keys."""

    def sageattn(q, k, v, tensor_layout):
        assert tensor_layout == "HND" and all(x.is_contiguous() for x in (q, k, v))
        out = attention.sdpa(q, k, v)
        k -= k.mean(2, keepdim=True)
        q.zero_(), v.zero_()
        return out

    anywhere("sageattention", sageattn=sageattn)
    attend = attention.probe("sage", CPU, torch.float32)
    q, *cache = clip(96, 160, 160)
    before = [x.clone() for x in (q, *cache)]
    for seen in (130, 160):
        k, v = (x[:, :, :seen] for x in cache)
        assert (attend(q, k, v) - attention.sdpa(q, k, v)).abs().max() < 1e-5
        assert all(torch.equal(a, b) for a, b in zip((q, *cache), before, strict=True)), f"{seen} seen"


@pytest.mark.parametrize("newest", [True, False], ids=["flash-attn 4", "flash-attn 2"])
def test_flash_takes_tokens_before_heads(anywhere, newest):
    calls = []

    def flash_attn_func(q, k, v):
        calls.append((tuple(q.shape), tuple(k.shape)))
        out = attention.sdpa(*(x.transpose(1, 2) for x in (q, k, v))).transpose(1, 2)
        return (out, None) if newest else out

    if newest:
        anywhere("flash_attn")
        anywhere("flash_attn.cute", flash_attn_func=flash_attn_func)
    else:
        anywhere("flash_attn", flash_attn_func=flash_attn_func)
    attend = attention.probe("flash", CPU, torch.float32)
    q, k, v = clip(96, 160, 160)
    assert (attend(q, k, v) - attention.sdpa(q, k, v)).abs().max() < 1e-5
    assert calls[-1] == ((1, 96, 4, 64), (1, 160, 4, 64))
    count = len(calls)
    attend(q[:, :, :3], k, v)
    assert len(calls) == count, "few queries are torch's"


def packed_reference(q, k, v, stops_q, stops_k, longest_q, longest_k):
    """What torch's varlen_attn says that it does."""
    assert stops_q.dtype == stops_k.dtype == torch.int32 and q.stride(-1) == k.stride(-1) == 1
    out = torch.empty_like(q)
    for index in range(len(stops_q) - 1):
        rows, seen = slice(*stops_q[index : index + 2].tolist()), slice(*stops_k[index : index + 2].tolist())
        assert (rows.stop - rows.start, seen.stop - seen.start) == (longest_q, longest_k)
        parts = (x.transpose(0, 1)[None] for x in (q[rows], k[seen], v[seen]))
        out[rows] = attention.sdpa(*parts)[0].transpose(0, 1)
    return out


@pytest.mark.parametrize("batch", [1, 2])
def test_varlen_packs_a_batch(anywhere, monkeypatch, batch):
    varlen = pytest.importorskip("torch.nn.attention.varlen")
    monkeypatch.setattr(varlen, "varlen_attn", packed_reference)
    attend = attention.probe("varlen", CPU, torch.float32)
    q, k, v = clip(96, 160, 160, batch=batch)
    k, v = k[:, :, :130], v[:, :, :130]
    assert (attend(q, k, v) - attention.sdpa(q, k, v)).abs().max() < 1e-5
    made = attention_backends._ends.cache_info().misses
    with torch.inference_mode():
        attend(q, k, v)
    assert attention_backends._ends.cache_info().misses == made, "once per shape"
    if batch == 1:
        assert attention_backends.packed(k).data_ptr() == k.data_ptr(), "the cache is not copied"


def test_where_sequences_end_is_a_constant_of_what_is_compiled():
    graphs = []

    def backend(graph, inputs):
        graphs.append(graph)
        return graph.forward

    def shifted(x):
        return x.sum() + attention_backends.ends(1, x.shape[0], x.device)[-1]

    torch._dynamo.reset()
    compiled = torch.compile(shifted, backend=backend, fullgraph=True, dynamic=False)
    assert [compiled(torch.ones(size)).item() for size in (5, 5, 6)] == [10, 10, 12]
    torch._dynamo.reset()
    assert len(graphs) == 2 and "arange" not in graphs[0].code


@pytest.mark.filterwarnings("ignore:.*flex_attention called without torch.compile")
def test_flex_attention_without_a_mask():
    q, k, v = clip(96, 160, 160)
    k, v = k[:, :, :130], v[:, :, :130]
    assert (attention_backends.flex_kernel("cpu")(q, k, v) - attention.sdpa(q, k, v)).abs().max() < 1e-5


def sink_and_window():
    return sparse.window_pattern(Window(1, 3, 3), [1, 3, 3, 3, 3], 6), 78, 78


def blocks(queries: int, keys: int):
    there = -(-keys // 128)
    kept = [sorted({0, there - 1, index % there}) for index in range(-(-queries // 128))]
    return sparse.block_pattern(kept, queries, keys), queries, keys


@pytest.mark.filterwarnings("ignore:.*flex_attention called without torch.compile")
@pytest.mark.parametrize("made", [sink_and_window(), blocks(300, 700)], ids=["sink and window", "blocks"])
def test_flex_attention_of_a_pattern_equals_its_mask(made):
    pattern, queries, keys = made
    attend = sparse.flex_attention_of(pattern, queries, keys)
    q, k, v = clip(queries, keys, keys)
    reference = torch.nn.functional.scaled_dot_product_attention(q, k, v, sparse.mask(pattern, queries, keys))
    assert (attend(q, k, v) - reference).abs().max() < 1e-5
    assert (attention.sdpa(q, k, v) - reference).abs().max() > 1e-2, "the pattern leaves something out"
    made_before = sparse._block_mask.cache_info().misses
    with torch.inference_mode():
        attend(q, k, v)
    assert sparse._block_mask.cache_info().misses == made_before, "a pattern's mask is made once"
    with pytest.raises(ValueError, match=f"made for {queries} queries"):
        attend(q[:, :, 1:], k, v)


@pytest.mark.parametrize("window", [Window(0, 3, 3), Window(3, 3, 3), Window(1, 4, 3), Window(3, 9, 3, relative=True)])
def test_a_walk_sees_few_lengths_of_keys(window):
    """A plan of cuDNN's is made per length: as many as the window takes chunks to fill, however long the walk."""
    rings = Rings({"self": RingShape(window, (0,), 1, 8, Axes.wan(8), (1, 2))}, "cpu", torch.float32)
    lengths, late = set(), set()
    for chunk in range(60):
        rings.stage(3)
        (late if chunk > 20 else lengths).add(rings.filled)
        rings.commit()
    assert len(lengths) <= -(-window.capacity // 3) and len(late) == 1
