"""Snapshot: a world's state in memory, cut into pages, those that did not change shared with the snapshot before.

Between two chunks a cache changes in the slots of one chunk, and a start picture not at all: for the embedded world a
snapshot takes a fifth of its state. Copies only: nothing here is written to a file (runtime/slots.py), and when one is
taken is runtime/rewind.py.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import zip_longest

import numpy as np

PAGE = 4096  # bytes
# Arrays of this size are the caches of large worlds, whose slots are large too: more pages would only cost time.
LARGE, LARGE_PAGE = 64 * 2**20, 65536
POINTER = 8  # bytes that a page takes in each snapshot that shares it


@dataclass(frozen=True, eq=False)
class Paged:
    """An array as pages, which are never written to."""

    dtype: np.dtype
    shape: tuple[int, ...]
    pages: tuple[bytes, ...]

    def array(self) -> np.ndarray:
        """The array, as a copy that is the caller's own."""
        array = np.empty(self.shape, self.dtype)
        content, start = memoryview(array.reshape(-1).view(np.uint8)), 0
        for page in self.pages:
            content[start : start + len(page)] = page
            start += len(page)
        return array


@dataclass(frozen=True, eq=False)
class Snapshot:
    """All arrays of a state."""

    arrays: Mapping[str, Paged]

    def state(self) -> dict[str, np.ndarray]:
        """The state as it was, to the bit, in arrays that are the caller's own."""
        return {name: paged.array() for name, paged in self.arrays.items()}

    def pages(self) -> Iterator[bytes]:
        """Every page of every array; a page may come twice."""
        for paged in self.arrays.values():
            yield from paged.pages


def take(state: Mapping[str, np.ndarray], before: Snapshot | None = None) -> Snapshot:
    """A snapshot of `state`, which shares with `before` what is the same there."""
    known = before.arrays if before else {}
    return Snapshot({name: paged(array, known.get(name)) for name, array in state.items()})


def paged(array: np.ndarray, before: Paged | None = None) -> Paged:
    """An array in pages; a page that is equal to that of `before` at its place is that one."""
    content = memoryview(np.asarray(array, order="C").reshape(-1).view(np.uint8))
    size = LARGE_PAGE if len(content) >= LARGE else PAGE
    starts = range(0, len(content), size)
    older = before.pages[: len(starts)] if before else ()
    pages = []
    for start, old in zip_longest(starts, older):
        page = bytes(content[start : start + size])
        pages.append(old if page == old else page)
    return Paged(array.dtype, array.shape, tuple(pages))


class Ledger:
    """How many bytes some snapshots take together, shared pages counted once. It holds none of them."""

    def __init__(self) -> None:
        self._uses: Counter[int] = Counter()
        self.bytes = 0

    def add(self, snapshot: Snapshot) -> None:
        """`snapshot` is kept from now on."""
        for page in snapshot.pages():
            self.bytes += POINTER if self._uses[id(page)] else POINTER + sys.getsizeof(page)
            self._uses[id(page)] += 1

    def drop(self, snapshot: Snapshot) -> None:
        """`snapshot`, which was added and is still there, is about to be let go."""
        for page in snapshot.pages():
            self._uses[id(page)] -= 1
            self.bytes -= POINTER
            if not self._uses[id(page)]:
                del self._uses[id(page)]
                self.bytes -= sys.getsizeof(page)


def bytes_alone(snapshot: Snapshot) -> int:
    """What `snapshot` takes where nothing is shared."""
    ledger = Ledger()
    ledger.add(snapshot)
    return ledger.bytes
