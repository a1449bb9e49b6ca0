"""How much memory a computation's tensors take at their peak, without computing it: counted on the meta device.

What is counted is what lives: the tensors that operations make and that somebody still holds. What was there before
(weights, caches) is not, nor is what a kernel keeps to itself, nor what an allocator leaves unused. Torch only.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves


class Footprint(TorchDispatchMode):
    """While it is entered, `live` is the bytes of all tensors made within, and `peak` the most that ever lived."""

    def __init__(self) -> None:
        super().__init__()
        self.live = self.peak = 0
        self._known: dict[int, int] = {}  # the bytes that each storage counts for: 0 for those from before

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        for storage in storages((args, kwargs)):
            self._meet(storage, 0)
        made = func(*args, **kwargs)
        for storage in storages(made):
            self._meet(storage, storage.nbytes())
        return made

    def _meet(self, storage: torch.UntypedStorage, nbytes: int) -> None:
        key = storage._cdata
        if key not in self._known:
            self._known[key] = nbytes
            self.live += nbytes
            self.peak = max(self.peak, self.live)
            weakref.finalize(storage, self._part, key)

    def _part(self, key: int) -> None:
        self.live -= self._known.pop(key)


def storages(tree: object) -> Iterable[torch.UntypedStorage]:
    return (leaf.untyped_storage() for leaf in tree_leaves(tree) if isinstance(leaf, torch.Tensor))


@torch.inference_mode()
def peak_bytes(compute: Callable[[], object]) -> int:
    """The peak of `compute`, a function that takes its tensors from outside, best ones on the meta device."""
    with Footprint() as footprint:
        compute()
    return footprint.peak
