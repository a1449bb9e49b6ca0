"""The one exception that a person is meant to read. Imports nothing, so every room may raise it."""

LONGEST = 160


def first_sentence(error: BaseException) -> str:
    """What somebody else's exception says first; its kind where it says nothing."""
    said = (str(error).strip().splitlines() or [type(error).__name__])[0]
    said = said.partition(". ")[0].removesuffix(".")
    return said if len(said) <= LONGEST else said[:LONGEST] + "..."


class UserError(Exception):
    """Bad input: one line that says what is wrong, where, and what to do about it.

    `play.py` prints the line and exits with code 2; no traceback is shown.
    """

    def __init__(self, what: str, where: str = "", remedy: str = "") -> None:
        place = f" ({where})" if where else ""
        advice = f"; {remedy}" if remedy else ""
        super().__init__(" ".join(f"{what}{place}{advice}".split()))
