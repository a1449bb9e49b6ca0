"""Verdict: what walking a session again showed. Who compares is runtime/replay.py."""

from __future__ import annotations

from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Difference:
    """The first frame that came out otherwise: where in the session, and the digests' beginnings."""

    chunk: int
    frame: int
    expected: str
    got: str


@dataclass(frozen=True)
class Verdict:
    """`chunks` were dreamt again out of `total`; `difference` is the first one, None where all were identical.

    `elsewhere` names what the session was walked on, where that was something else than now; `changed` the engine that
    took over in it before the difference.
    """

    chunks: int
    total: int
    difference: Difference | None
    elsewhere: str = ""
    changed: str = ""

    @property
    def identical(self) -> bool:
        """Whether no picture differed."""
        return self.difference is None

    def line(self) -> str:
        """The verdict in one line."""
        found = self.difference
        if found:
            where = f"chunk {found.chunk} frame {found.frame}"
            told = f"replay: first difference at {where} (expected {found.expected}, got {found.got})"
            if self.changed:
                return f"{told}; {self.changed} had taken over before it, and its bits are its own"
            return f"{told}; it was walked on {self.elsewhere}, where bits may differ" if self.elsewhere else told
        stopped = f" (stopped before the end, at {self.chunks} of {self.total})" if self.chunks < self.total else ""
        return f"replay: {self.chunks} chunks, all frames bit-identical{stopped}"

    def summary(self) -> dict:
        """The verdict for a report."""
        difference = asdict(self.difference) if self.difference else None
        return {"chunks": self.chunks, "identical": self.identical, "first_difference": difference}
