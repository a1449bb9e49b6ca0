"""Consent: which licences a person has accepted, kept in a file of theirs, and the question on a terminal.

What a licence says is data of the world that needs it (model/source.py). On the screen, runtime/licence_page.py asks.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from model.source import Terms
from runtime import folders
from runtime.errors import UserError, brief
from runtime.own_file import OwnFile
from runtime.terminal import write

NAME = "licences.yaml"
YES = "yes"
QUESTION = f"reverie: type {YES} to accept, and the download begins: "


@dataclass(frozen=True)
class Accepted:
    """A licence that was accepted: see model.source.Terms; `accepted` is the day, as 2026-11-21."""

    name: str = ""
    title: str = ""
    dated: str = ""
    url: str = ""
    accepted: str = ""


@dataclass(frozen=True)
class Licences:
    """All that were accepted, oldest first."""

    licences: tuple[Accepted, ...] = ()


FILE = OwnFile(
    Licences,
    "accepted licences",
    "# Licences of models that you accepted before downloading them; without its lines, one is asked for again.\n",
    "correct it, or delete the file to be asked again",
    "make room, or see who may write there; nothing was downloaded",
)


def licences_path() -> Path:
    """Where it is kept what a person accepted."""
    return folders.settings_folder() / NAME


def outstanding(terms: Sequence[Terms]) -> list[Terms]:
    """Those that were not accepted yet, or only as of another date. Raises UserError for a damaged file."""
    if not terms:
        return []
    known = {(one.name, one.dated) for one in FILE.read(licences_path()).licences}
    return [one for one in terms if (one.name, one.dated) not in known]


def accept(terms: Sequence[Terms]) -> None:
    """Remember that these are accepted today, for ever. Raises UserError where that cannot be written down."""
    today = date.today().isoformat()
    fresh = [Accepted(one.name, one.title, one.dated, one.url, today) for one in outstanding(terms)]
    if fresh:
        FILE.write(Licences((*FILE.read(licences_path()).licences, *fresh)), licences_path())


def require_accepted(terms: Sequence[Terms]) -> None:
    """Raise UserError unless all were accepted before: for whoever has nobody to ask."""
    lacking = outstanding(terms)
    if lacking:
        raise not_accepted("a licence has to be accepted first", lacking)


def not_accepted(what: str, terms: Sequence[Terms]) -> UserError:
    options = " ".join(f"--accept-licence {one.name}" for one in terms)
    titles = "; ".join(f"{one.heading}, {one.url}" for one in terms)
    return UserError(what, titles, f"nothing was fetched: read it, then fetch at a terminal, or with {options}")


def asker(
    terms: Sequence[Terms], named: Collection[str], say: Callable[[str], None]
) -> Callable[[Sequence[Terms]], None]:
    """`ask` for a world that needs these; raises UserError for a name on the command line that none of them has."""
    names = [one.name for one in terms]
    for name in named:
        if name not in names:
            remedy = f"this world asks for {', '.join(names)}" if names else "this world asks for none: leave it out"
            raise UserError(f"no licence {brief(name)} to accept", "--accept-licence", remedy)
    return lambda lacking: ask(lacking, named, say)


def ask(
    terms: Sequence[Terms],
    named: Collection[str],
    say: Callable[[str], None],
    answer: Callable[[str], str] = input,
) -> None:
    """Show what was not accepted yet and ask for it, once for ever. named: names that the command line accepts.

    Raises UserError where it is not accepted, or nobody can be asked because the standard input is no terminal.
    """
    lacking = outstanding(terms)
    for one in lacking:
        say(f"licence {one.name}: {one.heading}")
        for line in one.lines:
            say(f"  {line}")
        say(f"  all of it: {one.url}")
    unnamed = [one for one in lacking if one.name not in named]
    if unnamed and not (sys.stdin and sys.stdin.isatty()):
        raise not_accepted("a licence has to be accepted, and there is no terminal to ask on", unnamed)
    if unnamed and not says_yes(answer):
        raise not_accepted("the licence was not accepted", unnamed)
    accept(lacking)
    for one in lacking:
        say(f"licence {one.name}: accepted, remembered in {licences_path()}")


def says_yes(answer: Callable[[str], str]) -> bool:
    """Whether the person types that word; the end of the input is a no, and so is what is no text."""
    try:
        return answer(QUESTION).strip().lower() == YES
    except (EOFError, UnicodeDecodeError, OSError):  # the last where the terminal is gone
        write("", sys.stdout)  # what comes next is a line of its own
        return False
