"""Licences that were accepted: asked for once, remembered by name and date, and never taken for granted."""

from __future__ import annotations

import dataclasses
from datetime import date

import pytest
import yaml
from licence_fixtures import GARDEN, POND, terms

from runtime import consent
from runtime.consent import accept, ask, asker, licences_path, outstanding, require_accepted
from runtime.errors import UserError
from runtime.options import parse_options

BOTH = (terms(GARDEN), terms(POND))


@pytest.fixture(autouse=True)
def own_home(tmp_path, monkeypatch):
    monkeypatch.setenv("REVERIE_HOME", str(tmp_path / "home"))


@pytest.fixture
def terminal(monkeypatch):
    """Says whether the standard input is a terminal."""

    class Input:
        there = True

        def isatty(self) -> bool:
            return self.there

    found = Input()
    monkeypatch.setattr(consent.sys, "stdin", found)
    return found


def never(_question: str) -> str:
    raise AssertionError("nobody should be asked")


def test_what_was_accepted_is_kept_with_its_name_its_date_and_the_day():
    assert outstanding(BOTH) == list(BOTH)
    accept(BOTH[:1])
    assert outstanding(BOTH) == [BOTH[1]]
    (kept,) = yaml.safe_load(licences_path().read_text(encoding="utf-8"))["licences"]
    assert kept == {
        **{name: GARDEN[name] for name in ("name", "title", "dated", "url")},
        "accepted": date.today().isoformat(),
    }
    accept(BOTH)
    assert outstanding(BOTH) == []
    assert [one["name"] for one in yaml.safe_load(licences_path().read_text())["licences"]] == [
        "garden-community",
        "pond",
    ]


def test_a_licence_of_another_date_is_another_licence():
    accept(BOTH)
    newer = dataclasses.replace(BOTH[0], dated="January 1, 2027")
    assert outstanding([newer, BOTH[1]]) == [newer]


def test_without_anybody_to_ask_what_was_not_accepted_is_one_line():
    with pytest.raises(UserError) as caught:
        require_accepted(BOTH)
    assert "Garden Community License, December 17, 2025" in str(caught.value)
    assert "--accept-licence garden-community --accept-licence pond" in str(caught.value)
    accept(BOTH)
    require_accepted(BOTH)
    require_accepted(())
    assert not outstanding(())


@pytest.mark.parametrize("typed", ["yes", " YES \n"])
def test_at_a_terminal_it_is_shown_and_asked_once(terminal, typed):
    said, asked = [], []
    ask(BOTH, (), said.append, lambda question: asked.append(question) or typed)
    shown = "\n".join(said)
    for values in (GARDEN, POND):
        assert all(words in shown for words in (values["title"], values["url"], *values["lines"]))
    assert len(asked) == 1 and "type yes" in asked[0] and not outstanding(BOTH)
    ask(BOTH, (), never, never)


@pytest.mark.parametrize("typed", ["", "no", "y", "yes please"])
def test_whatever_else_is_typed_is_a_no(terminal, typed):
    with pytest.raises(UserError, match="was not accepted.*nothing was fetched"):
        ask(BOTH, (), str, lambda _question: typed)
    assert outstanding(BOTH) == list(BOTH)


@pytest.mark.parametrize("error", [EOFError(), OSError(5, "gone"), UnicodeDecodeError("utf-8", b"\xe9", 0, 1, "no")])
def test_the_end_of_the_input_and_what_is_no_text_are_a_no(terminal, error):
    def end(_question):
        raise error

    with pytest.raises(UserError, match="was not accepted"):
        ask(BOTH, (), str, end)
    assert not licences_path().exists()


def test_without_a_terminal_the_command_line_accepts_by_name_or_nobody_does(terminal, monkeypatch):
    terminal.there = False
    said = []
    with pytest.raises(UserError, match="no terminal.*--accept-licence pond$"):
        ask(BOTH, ["garden-community"], said.append, never)
    assert outstanding(BOTH) == list(BOTH) and any("Utopia" in line for line in said)
    ask(BOTH, ["garden-community", "pond"], str, never)
    assert not outstanding(BOTH)
    licences_path().unlink()
    monkeypatch.setattr(consent.sys, "stdin", None)  # as a program without a console has it
    with pytest.raises(UserError, match="no terminal"):
        ask(BOTH, (), str, never)


def test_a_name_that_no_licence_has_is_told():
    with pytest.raises(UserError, match="no licence 'gardn' to accept.*this world asks for garden-community, pond"):
        asker(BOTH, ["pond", "gardn"], str)
    with pytest.raises(UserError, match="asks for none"):
        asker((), ["pond"], str)


def test_on_the_command_line_a_licence_is_for_a_download():
    named = ["--accept-licence", "pond", "--accept-licence", "garden-community"]
    assert parse_options(["--fetch", "garden", *named]).accept_licence == ["pond", "garden-community"]
    with pytest.raises(UserError, match="give --fetch WORLD with it"):
        parse_options(named)


@pytest.mark.parametrize("content", ["licences: [", "licences: yes", "licence: []", "licences: [{name: 1}]", "{a: b"])
def test_a_damaged_file_is_one_line_and_stays_as_it_is(content):
    licences_path().parent.mkdir(parents=True)
    licences_path().write_text(content)
    for act in (outstanding, accept):
        with pytest.raises(UserError, match=r"licences\.yaml") as caught:
            act(BOTH)
        assert "repository" not in str(caught.value), "the file is a person's own"
    assert licences_path().read_text() == content


def test_what_cannot_be_remembered_is_not_accepted(tmp_path):
    (tmp_path / "home").touch()
    with pytest.raises(UserError, match="accepted licences"):
        accept(BOTH)
