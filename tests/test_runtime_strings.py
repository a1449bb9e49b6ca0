"""The words on the screen: complete and the same in every language, none missing in the code and none left over."""

from __future__ import annotations

import ast
import re
import string
from pathlib import Path

import pytest
import yaml

from runtime import strings
from runtime.errors import UserError

ROOT = Path(__file__).resolve().parent.parent
FILES = sorted((ROOT / "assets" / "strings").glob("*.yaml"))
CODE = [ROOT / "play.py", *(path for room in ("input", "runtime", "model") for path in (ROOT / room).rglob("*.py"))]


@pytest.fixture(autouse=True)
def english_again():
    yield
    strings.use("en")


def words(path: Path) -> dict[str, str]:
    return yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.BaseLoader)


def places(line: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(line) if name is not None}


def calls(tree: ast.AST) -> list[ast.Call]:
    """Every `text(...)` or `strings.text(...)` with something in it."""
    found = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and node.args]
    return [node for node in found if ast.unparse(node.func) in ("text", "strings.text")]


def spelt(node: ast.expr) -> list[str]:
    """The keys that an expression may be, as patterns: literals, either side of a condition, f-strings."""
    if isinstance(node, ast.Constant):
        return [re.escape(node.value)]
    if isinstance(node, ast.IfExp):
        return spelt(node.body) + spelt(node.orelse)
    if isinstance(node, ast.JoinedStr):
        return ["".join(re.escape(part.value) if isinstance(part, ast.Constant) else ".+" for part in node.values)]
    return []


@pytest.fixture(scope="module")
def trees() -> dict[Path, ast.AST]:
    return {path: ast.parse(path.read_text(encoding="utf-8")) for path in CODE}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_languages_have_the_same_keys_with_the_same_places(path):
    reference, own = words(ROOT / "assets" / "strings" / "en.yaml"), words(path)
    assert set(own) == set(reference)
    assert {key: places(own[key]) for key in own} == {key: places(reference[key]) for key in reference}
    assert [key for key, line in own.items() if not isinstance(line, str) or not line.strip()] == []


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_no_key_is_there_twice(path):
    keys = [line.split(":")[0] for line in path.read_text(encoding="utf-8").splitlines() if re.match(r"\w", line)]
    assert len(keys) == len(set(keys)) == len(words(path))


def test_every_key_in_the_code_exists_and_is_given_its_values(trees):
    known, wrong = words(ROOT / "assets" / "strings" / "en.yaml"), []
    for path, tree in trees.items():
        for call in calls(tree):
            where = f"{path.relative_to(ROOT)}:{call.lineno}"
            given = {word.arg for word in call.keywords}
            for pattern in spelt(call.args[0]):
                keys = [key for key in known if re.fullmatch(pattern, key)]
                wrong += [] if keys else [f"{where}: no key like {pattern}"]
                wrong += [f"{where}: {key} wants {places(known[key])}" for key in keys if places(known[key]) - given]
    assert wrong == []


def test_no_key_is_left_over(trees):
    """A key is used where the code spells it, also in a table, or where an f-string in text(...) may come to it."""
    patterns = [pattern for tree in trees.values() for call in calls(tree) for pattern in spelt(call.args[0])]
    literals = {node.value for tree in trees.values() for node in ast.walk(tree) if isinstance(node, ast.Constant)}
    unused = [
        key
        for key in words(ROOT / "assets" / "strings" / "en.yaml")
        if key not in literals and not any(re.fullmatch(pattern, key) for pattern in patterns)
    ]
    assert unused == []


def test_words_come_in_the_language_last_chosen():
    assert list(strings.languages().items()) == [("en", "English"), ("zh-CN", "简体中文")]
    assert strings.use("zh-CN") == "zh-CN" and strings.text("language.name") == "简体中文"
    assert strings.use("en") == "en" and strings.text("language.name") == "English"


@pytest.mark.parametrize(
    ("preferred", "code"),
    [([], "en"), (["fr"], "en"), (["fr", "zh-CN"], "zh-CN"), (["zh-TW"], "zh-CN"), (["en-GB", "zh"], "en")],
)
def test_the_system_language_finds_the_nearest(preferred, code):
    assert strings.matching(preferred) == code


def test_auto_asks_the_system(monkeypatch):
    monkeypatch.setattr(strings, "get_pref_locales", lambda: [{"language": "zh", "country": "SG"}])
    assert strings.use("auto") == "zh-CN"
    monkeypatch.setattr(strings, "get_pref_locales", lambda: [{"language": "pt", "country": None}])
    assert strings.use("auto") == "en"


def test_what_is_not_there_says_so():
    with pytest.raises(KeyError):
        strings.text("no.such.key")
    with pytest.raises(UserError, match="no language 'xx'.*auto, en, zh-CN"):
        strings.use("xx")
