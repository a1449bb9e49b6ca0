"""Block-sparse attention: dense attention over the keys that each group of queries keeps, and nothing else. Torch only.

A pattern is static data: which keys a run of queries sees. It comes from a cache's window (sink, past, own chunk, as a
whole clip sees it at once) or from a list of kept blocks at a granularity of 128 tokens, as sparse kernels take it. In
play nothing here runs: a ring holds exactly the keys that its chunk sees. Where whole clips are processed, it does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import groupby

import torch

from model.attention import Attend, sdpa
from model.attention_backends import flex_kernel
from model.cache import EMPTY, Window

BLOCK = 128  # tokens


@dataclass(frozen=True)
class Group:
    """Queries [start, stop) see the keys of `kept`, ascending ranges [start, stop) that do not touch; all in tokens."""

    start: int
    stop: int
    kept: tuple[tuple[int, int], ...]


Pattern = tuple[Group, ...]


def merged(ranges: Sequence[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    """Ascending ranges with the touching ones made one."""
    result: list[tuple[int, int]] = []
    for start, stop in sorted(ranges):
        if result and start <= result[-1][1]:
            result[-1] = (result[-1][0], max(stop, result[-1][1]))
        else:
            result.append((start, stop))
    return tuple(result)


def window_pattern(window: Window, chunks: Sequence[int], tokens: int) -> Pattern:
    """What a clip of chunks of `chunks` latent frames each, `tokens` per frame, sees through a cache's window."""
    groups, end = [], 0
    for count in chunks:
        seen = [frame for frame in window.held(end + count) if frame != EMPTY]
        kept = merged([(frame * tokens, (frame + 1) * tokens) for frame in seen])
        groups.append(Group(end * tokens, (end + count) * tokens, kept))
        end += count
    return tuple(groups)


def block_pattern(kept: Sequence[Sequence[int]], queries: int, keys: int, block: int = BLOCK) -> Pattern:
    """The pattern of `kept[i]`, the key blocks that query block i sees; the last blocks may be shorter than `block`.

    Query blocks in a row that keep the same become one group, and so one call of dense attention.
    """
    if len(kept) != -(-queries // block):
        raise ValueError(f"{queries} queries are {-(-queries // block)} blocks of {block}, not {len(kept)}")
    if any(not blocks or min(blocks) < 0 or max(blocks) * block >= keys for blocks in kept):
        raise ValueError(f"every query block keeps at least one of the {-(-keys // block)} key blocks there are")
    groups, first = [], 0
    for blocks, run in groupby(tuple(sorted(set(blocks))) for blocks in kept):
        last = first + len(list(run))
        ranges = merged([(index * block, min((index + 1) * block, keys)) for index in blocks])
        groups.append(Group(first * block, min(last * block, queries), ranges))
        first = last
    return tuple(groups)


def sparse_attention(
    q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, pattern: Pattern, attend: Attend = sdpa
) -> torch.Tensor:
    """q [B, H, Lq, D] against k, v [B, H, Lk, D] as far as `pattern` lets each query see; returns [B, H, Lq, D]."""
    out = torch.empty_like(q)
    for group in pattern:
        keys, values = (_gather(x, group.kept) for x in (k, v))
        out[:, :, group.start : group.stop] = attend(q[:, :, group.start : group.stop], keys, values)
    return out


def _gather(x: torch.Tensor, ranges: Sequence[tuple[int, int]]) -> torch.Tensor:
    parts = [x[:, :, start:stop] for start, stop in ranges]
    return parts[0] if len(parts) == 1 else torch.cat(parts, 2)


def flex_attention_of(pattern: Pattern, queries: int, keys: int) -> Attend:
    """`sparse_attention` over `pattern` as one kernel, FlexAttention's, for these many queries and keys.

    The mask of blocks is made once per pattern and device, and stays. Compiled on a GPU; elsewhere it is as slow as a
    dense mask, and for tests.
    """

    def attend(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
        if (q.shape[2], k.shape[2]) != (queries, keys):
            raise ValueError(f"made for {queries} queries and {keys} keys, not {q.shape[2]} and {k.shape[2]}")
        return flex_kernel(q.device.type)(q, k, v, block_mask=_block_mask(pattern, queries, keys, q.device))

    return attend


@cache
def _block_mask(pattern: Pattern, queries: int, keys: int, device: torch.device):
    """FlexAttention's form of a pattern: which blocks count, and within them a look-up in the whole mask."""
    from torch.nn.attention.flex_attention import create_block_mask

    with torch.inference_mode(False):
        seen = mask(pattern, queries, keys).to(device)
        return create_block_mask(
            lambda batch, head, query, key: seen[query, key], None, None, queries, keys, device, BLOCK
        )


def mask(pattern: Pattern, queries: int, keys: int) -> torch.Tensor:
    """The same pattern as a boolean mask [queries, keys], true where a query sees a key: the readable reference."""
    seen = torch.zeros(queries, keys, dtype=torch.bool)
    for group in pattern:
        for start, stop in group.kept:
            seen[group.start : group.stop, start:stop] = True
    return seen
