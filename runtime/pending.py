"""Pending: what was asked for and has not come yet, by the walk that it was asked of. Two threads may use it."""

from __future__ import annotations

import itertools


class Pending:
    """`epoch`: which walk it is of (runtime/generator.py); what is of an earlier one never comes."""

    def __init__(self) -> None:
        self._asked: dict[int, tuple[int, str]] = {}
        self._numbers = itertools.count()

    def ask(self, epoch: int, name: str) -> int:
        """`name` is asked for now; gives the number to say `done` with."""
        number = next(self._numbers)
        self._asked[number] = epoch, name
        return number

    def done(self, number: int) -> None:
        """It came."""
        self._asked.pop(number, None)

    def waits(self, epoch: int) -> bool:
        """Whether anything may still come."""
        return any(asked == epoch for asked, _ in list(self._asked.values()))

    def left(self, epoch: int) -> list[str]:
        """The names of what never comes, in order; each is told once."""
        gone = [(number, name) for number, (asked, name) in list(self._asked.items()) if asked < epoch]
        for number, _ in gone:
            self.done(number)
        return [name for _, name in gone]
