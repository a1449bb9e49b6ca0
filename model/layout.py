"""Layout: what a checkpoint file calls its tensors, as data. Without torch, which reads them (model/checkpoint.py)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fnmatch import fnmatchcase

RESTORE = "fetch the file again, or choose the world that it belongs to"


@dataclass(frozen=True)
class Layout:
    """How a file's names become a module's.

    inside: keys to descend where the tensors are nested, each where it is there. strip: prefixes, each taken off where
    it is there. renames: pairs of a regular expression and its replacement. unused: patterns of names, after these,
    that a file may hold and the module has not.
    """

    inside: tuple[str, ...] = ()
    strip: tuple[str, ...] = ()
    renames: tuple[tuple[str, str], ...] = ()
    unused: tuple[str, ...] = ()

    def name(self, theirs: str) -> str | None:
        """Our name of their tensor, None where it is not used."""
        for prefix in self.strip:
            theirs = theirs.removeprefix(prefix)
        for pattern, replacement in self.renames:
            theirs = re.sub(pattern, replacement, theirs)
        return None if any(fnmatchcase(theirs, pattern) for pattern in self.unused) else theirs


PLAIN = Layout()  # the file's names are ours
