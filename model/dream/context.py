"""Where the embedded network's keys come from: for the parallel pass of training and for the cached pass of play.

Both give every query chunk the same keys with the same bias. Time is a learnt bias per head and age, so that positions
never leave the range that was trained, however long one plays.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from model.attention import sdpa
from model.dream.ages import visible
from model.layer_ring import scatter_tokens

MASKED = -1e4  # added to the scores of empty slots: exp() of it is exactly 0 in fp32 and in bf16


class ParallelContext:
    """Every chunk of a clip at once: keys are gathered chunk by chunk. q, k, v are [B, N, heads, tokens, head_dim]."""

    def __init__(self, past: int) -> None:
        self.past = past

    def attend(self, layer: int, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
        """bias: [heads, past + 2] by age. Returns the shape of q."""
        tokens = q.shape[3]
        out = []
        for chunk in range(q.shape[1]):
            seen = visible(chunk, self.past)
            keys = torch.cat([k[:, index] for index, _ in seen], 2)
            values = torch.cat([v[:, index] for index, _ in seen], 2)
            mask = bias[:, [age for _, age in seen]].repeat_interleave(tokens, 1)[None, :, None].to(q.dtype)
            out.append(sdpa(q[:, chunk], keys, values, mask))
        return torch.stack(out, 1)


class CachedContext:
    """One chunk against fixed-size caches. q, k, v are [B, 1, heads, tokens, head_dim].

    caches: per layer a pair (keys, values) of [B, heads, slots * tokens, head_dim]. slot: int64 [B], ages: int64
    [slots] as of model.cache. After a pass `written` holds the caches with the present chunk's keys and values in.
    """

    def __init__(self, caches: Sequence[tuple[torch.Tensor, torch.Tensor]], slot: torch.Tensor, ages: torch.Tensor):
        self.caches, self.slot, self.ages = caches, slot, ages
        self.written: list[tuple[torch.Tensor, torch.Tensor]] = []

    def attend(self, layer: int, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
        keys, values = self.caches[layer]
        tokens = q.shape[3]
        keys = scatter_tokens(keys, k[:, 0].to(keys.dtype), (self.slot * tokens).unsqueeze(0))
        values = scatter_tokens(values, v[:, 0].to(values.dtype), (self.slot * tokens).unsqueeze(0))
        self.written.append((keys, values))
        empty = torch.full_like(bias[:, :1], MASKED)
        mask = torch.cat([bias, empty], 1)[:, self.ages].repeat_interleave(tokens, 1)[None, :, None]
        mask = mask.expand(q.shape[0], -1, tokens, -1).to(q.dtype)
        # Under autocast the caches stay in fp32 and queries come in half precision.
        return sdpa(q[:, 0], keys.to(q.dtype), values.to(q.dtype), mask).unsqueeze(1)
