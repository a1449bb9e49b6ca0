"""Whose tokens of a frame a process computes: here all of them; compile/parallel.py has the other kind. Torch only."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from model.rotary import Table


class Split:
    """Nothing is split: what goes in comes out."""

    def scatter(self, tokens: torch.Tensor, dim: int = 1) -> torch.Tensor:
        """All tokens, along `dim`, to this process's own."""
        return tokens

    def gather(self, *parts: torch.Tensor, dim: int = 1) -> Sequence[torch.Tensor]:
        """Every process's own tokens, along `dim`, to all of them in their order; parts of one shape go together."""
        return parts

    def own(self, table: Table) -> Table:
        """The rotary rows of a pass's own tokens out of those of all, [frames * tokens, channels / 2] each."""
        return table


WHOLE = Split()
