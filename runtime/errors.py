"""The one exception that a person is meant to read. Imports nothing, so every room may raise it."""


class UserError(Exception):
    """Bad input: one line that says what is wrong, where, and what to do about it.

    `play.py` prints the line and exits with code 2; no traceback is shown.
    """

    def __init__(self, what: str, where: str = "", remedy: str = "") -> None:
        place = f" ({where})" if where else ""
        advice = f"; {remedy}" if remedy else ""
        super().__init__(" ".join(f"{what}{place}{advice}".split()))
