"""The one exception that a person is meant to read. Imports nothing of ours, so every room may raise it."""

import errno
import reprlib

LONGEST = 160
# Of an error line's parts, in characters: what goes on longer is somebody's file.
LONGEST_PART = 800
SHORT = reprlib.Repr()
SHORT.maxlevel, SHORT.maxstring, SHORT.maxother = 2, LONGEST, LONGEST
# Systems have words of their own for these, and some none at all.
FULL = "the disk is full"
WORDS = {
    errno.ENOSPC: FULL,
    getattr(errno, "EDQUOT", errno.ENOSPC): FULL,
    errno.EFBIG: "the file may not grow any larger there",
}


def first_sentence(error: BaseException) -> str:
    """What somebody else's exception says first; its kind where it says nothing."""
    said = (str(error).strip().splitlines() or [type(error).__name__])[0]
    said = said.partition(". ")[0].removesuffix(".")
    return said if len(said) <= LONGEST else said[:LONGEST] + "..."


def reason_of(error: BaseException) -> str:
    """Why something could not be written or read, in a few words."""
    known = WORDS.get(getattr(error, "errno", None))
    return known or getattr(error, "strerror", None) or first_sentence(error)


def brief(value: object) -> str:
    """`value` as it was written, for an error line; however large and deep it is, only its beginning is looked at."""
    try:
        return SHORT.repr(value)
    except ValueError:  # a number of more digits than Python writes
        return type(value).__name__


class UserError(Exception):
    """Bad input: one line that says what is wrong, where, and what to do about it.

    `play.py` prints the line and exits with code 2; no traceback is shown. What a terminal would obey instead of
    showing it is left out.
    """

    def __init__(self, what: str, where: str = "", remedy: str = "") -> None:
        what, where, remedy = (p if len(p) <= LONGEST_PART else p[:LONGEST_PART] + "..." for p in (what, where, remedy))
        place = f" ({where})" if where else ""
        advice = f"; {remedy}" if remedy else ""
        words = " ".join(f"{what}{place}{advice}".split())
        if not words.isprintable():
            words = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in words)
        super().__init__(words)
