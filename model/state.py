"""State: what a world that goes on from somewhere else is given, held against what it has to be. NumPy only.

A world says what its state is made of (`Layout`) and asks here before it changes anything; what the arrays mean is its
own affair, and where they were kept is runtime/slots.py and runtime/rewind.py.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from runtime.errors import UserError

# The shape and the type of every array, by name.
Layout = Mapping[str, tuple[tuple[int, ...], np.dtype]]
COUNTS = np.dtype(np.int64)  # what a world counts: never negative, as single numbers
POSES = np.dtype(np.float64)  # where a camera is: finite
MOST = 2**53  # of anything that is counted; chunks for longer than anybody will walk
REMEDY = "it is from another world or version, or damaged: choose another one"


def check_state(expected: Layout, given: Mapping[str, object], where: str) -> None:
    """Raise UserError, which names the array and `where` (the world), unless `given` is a state of this layout."""
    for name in expected:
        if name not in given:
            raise UserError(f"the saved state lacks '{name}'", where, REMEDY)
    for name, array in given.items():
        if name not in expected:
            raise UserError(f"the saved state has an array '{name}' that is not known", where, REMEDY)
        _check_array(name, array, *expected[name], where)


def _check_array(name: str, array: object, shape: tuple[int, ...], dtype: np.dtype, where: str) -> None:
    if not isinstance(array, np.ndarray):
        raise UserError(f"'{name}' of the saved state is no array", where, REMEDY)
    if array.shape != tuple(shape):
        raise UserError(f"'{name}' of the saved state is {list(array.shape)}, not {list(shape)}", where, REMEDY)
    if array.dtype != dtype:
        raise UserError(f"'{name}' of the saved state is {array.dtype}, not {dtype}", where, REMEDY)
    if dtype == COUNTS and not shape and not 0 <= array < MOST:
        raise UserError(f"'{name}' of the saved state is {array}, which cannot be", where, REMEDY)
    if dtype == POSES and not np.isfinite(array).all():
        raise UserError(f"'{name}' of the saved state has numbers that are not finite", where, REMEDY)
