"""Strings: the words that people read on the screen, by key, in the language that was chosen last.

One file per language, assets/strings/<language>.yaml, a flat mapping of keys to words with {named} places. What goes to
the terminal, errors included, is English and is not here.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from string import Formatter

from pygame.system import get_pref_locales

from input.document import read_document
from runtime.errors import UserError, brief

FOLDER = Path(__file__).resolve().parent.parent / "assets" / "strings"
FALLBACK = "en"
NAME = "language.name"
RESTORE = "restore it from the repository (git checkout)"
_words: dict[str, str] = {}


def text(key: str, **values: object) -> str:
    """The words of `key`, with `values` at the places they name; raises KeyError for a key or a value that is not."""
    if not _words:
        use(FALLBACK)
    return _words[key].format_map(values)


def use(language: str) -> str:
    """Speak `language` from now on, "auto" for that of the system; gives the one that it came to.

    Raises UserError where there is no such language.
    """
    global _words
    code = matching(_preferred()) if language == "auto" else language
    if code not in languages():
        raise UserError(f"no language '{language}'", "", f"choose one of auto, {', '.join(languages())}")
    _words = _read(code)
    return code


@cache
def languages() -> dict[str, str]:
    """Every language's code and its name in itself, English first."""
    codes = sorted((path.stem for path in FOLDER.glob("*.yaml")), key=lambda code: (code != FALLBACK, code))
    return {code: _read(code)[NAME] for code in codes}


def matching(preferred: list[str]) -> str:
    """The language for a person who prefers these ("zh-TW", "fr"), best first: the same, or else the same tongue."""
    for wish in preferred:
        tongue = [code for code in languages() if code.split("-")[0] == wish.split("-")[0]]
        if tongue:
            return wish if wish in tongue else tongue[0]
    return FALLBACK


def _preferred() -> list[str]:
    """What the system says that the person prefers."""
    return ["-".join(filter(None, (place["language"], place["country"]))) for place in get_pref_locales()]


@cache
def _read(code: str) -> dict[str, str]:
    path = FOLDER / f"{code}.yaml"
    words = read_words(path)
    if code != FALLBACK:
        require_alike(words, _read(FALLBACK), path)
    return words


def read_words(path: Path) -> dict[str, str]:
    """The words of one file by key; raises UserError for what is no flat mapping of words with {named} places."""
    content, _ = read_document(path)
    if not isinstance(content, dict) or NAME not in content:
        raise UserError("these are no words of a language", str(path), RESTORE)
    for key, words in content.items():
        try:
            places_of(words)
        except (TypeError, ValueError) as error:
            raise UserError(f"{brief(key)} has no words: {error}", str(path), RESTORE) from error
    return content


def places_of(words: object) -> set[str]:
    """The names of the places in `words`; raises TypeError or ValueError for what is no text with named places."""
    if not isinstance(words, str):
        raise TypeError(f"{brief(words)} is no text")
    found = set()
    for _, name, form, conversion in Formatter().parse(words):
        if name is not None and (form or conversion or not name.isidentifier()):
            raise ValueError(f"{brief('{' + name + '}')} is no named place")
        if name is not None:
            found.add(name)
    return found


def require_alike(words: dict[str, str], model: dict[str, str], path: Path) -> None:
    """Raise UserError unless the words of `path` have the keys and the places of `model`."""
    for key in sorted(words.keys() ^ model.keys()):
        raise UserError(f"{brief(key)} is not in every language", str(path), RESTORE)
    for key in words:
        if places_of(words[key]) != places_of(model[key]):
            raise UserError(f"{brief(key)} has other places than in English", str(path), RESTORE)
