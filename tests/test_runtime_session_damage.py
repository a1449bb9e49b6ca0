"""Sessions that nobody wrote: whatever was done to a log, it comes to an honest verdict or to one clear line."""

import json
import random

import pytest
from session_logs import Worded, eventful

import play
from runtime.errors import UserError
from runtime.session import read_session

MUTANTS = 200
ODD = [None, True, -1, 0, 1.5, 1e308, -(2**70), 10**400, "", "x", "\0", "\ud800", "../../x", "a\nb", [], [[]], {}, [1]]
ODD += [[["1", "2", "3", "4"]], [[True] * 4] * 4, {"a": {"b": []}}, "f" * 64, 2**31, 2**64 - 1, "x" * 10**5]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """An eventful log's bytes; what it names lies beside it."""
    folder = tmp_path_factory.mktemp("sessions")
    eventful(folder / "a.session.jsonl", folder)
    return folder, (folder / "a.session.jsonl").read_bytes()


def flip_bits(chance, content):
    content = bytearray(content)
    for _ in range(chance.choice((1, 1, 3, 40))):
        content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
    return bytes(content)


def cut(chance, content):
    first, last = sorted(chance.randrange(len(content)) for _ in range(2))
    return chance.choice((content[:first], content[last:], content[:first] + content[last:]))


def shuffle_lines(chance, content):
    lines = content.split(b"\n")
    one, other = chance.randrange(len(lines)), chance.randrange(len(lines))
    match chance.randrange(3):
        case 0:
            lines.insert(one, lines[other])
        case 1:
            lines[one], lines[other] = lines[other], lines[one]
        case 2:
            del lines[one]
    return b"\n".join(lines)


def paths_in(value, path=()):
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield from paths_in(inner, (*path, key))


def change_a_value(chance, content):
    """A field, at any depth, becomes something odd, or goes; so do two that change places."""
    lines = content.split(b"\n")
    index = chance.choice((0, chance.randrange(len(lines) - 1)))
    fields = json.loads(lines[index])
    places = list(paths_in(fields))[1:]

    def at(place):
        inner = fields
        for key in place[:-1]:
            inner = inner[key]
        return inner, place[-1]

    (inner, key), (other, name) = at(chance.choice(places)), at(chance.choice([p for p in places if len(p) == 1]))
    match chance.randrange(4):
        case 0:
            inner[key], other[name] = other[name], inner[key]
        case 1:
            del inner[key]
        case _:
            inner[key] = chance.choice(ODD)
    try:
        lines[index] = json.dumps(fields).encode()
    except ValueError:  # the swap made a circle
        lines[index] = b"{}"
    return b"\n".join(lines)


def add_a_line(chance, content):
    """What no log has: deep nesting, NUL, lines as long as books, absurd numbers, words that mean something."""
    lines = content.split(b"\n")
    strange = [
        b"[" * 100_000,
        b'{"chunk":' * 5000,
        b"\0" * 1000,
        b"x" * 2**20,
        b'{"chunk": 4, "controls": [[' + b"9" * 5000 + b', 0, 0, 0]], "frames": ["a"]}',
        b'{"reset": 1e400}',
        b'{"reset": -5}',
        b'{"back": 1}',
        b'{"back": 99999}',
        b'{"load": "/etc/passwd"}',
        b'{"load": ""}',
        b'{"load": "nothing.reverie"}',
        b'{"load": "a.session.jsonl"}',
        b'{"engine": "x\\ny"}',
        b'{"engine": "cpu"}',
        b'{"prompt": "\\ud800"}',
        b'{"prompt": 5}',
        b'{"reset": 3, "image": "/dev/zero", "image_sha256": "' + b"0" * 64 + b'"}',
        b'{"reset": 3, "image": "a\\ud800", "image_sha256": "' + b"0" * 64 + b'"}',
        b'"chunk"',
        b"NaN",
        b"{}",
    ]
    lines.insert(chance.randrange(len(lines) + 1), chance.choice(strange))
    return b"\n".join(lines)


WAYS = (flip_bits, cut, shuffle_lines, change_a_value, change_a_value, add_a_line)


@pytest.mark.parametrize("seed", range(0, MUTANTS, 20))
def test_a_mutated_log_comes_to_a_verdict_or_to_one_line(whole, capfd, seed):
    folder, content = whole
    for number in range(seed, seed + 20):
        chance = random.Random(number)
        mutant = chance.choice(WAYS)(chance, content)
        path = folder / f"m{number}.session.jsonl"
        path.write_bytes(mutant)
        code = play.main(["--headless", "--replay", str(path)], load_world=lambda *_: Worded())
        told, errors = capfd.readouterr()
        case = f"mutant {number}: {code} {told!r} {errors!r}"
        if code == 2:
            assert len(errors.splitlines()) == 1 and errors.startswith("reverie: "), case
            assert len(errors) < 2000, case
        else:
            verdict = told.splitlines()[-1]
            assert code == (0 if "bit-identical" in verdict else 1) and errors == "", case
            assert verdict.startswith("replay: "), case


def test_a_damaged_log_is_not_written_to(whole, tmp_path):
    folder, content = whole
    for number in range(MUTANTS, MUTANTS + 40):
        chance = random.Random(number)
        path = folder / f"m{number}.session.jsonl"
        path.write_bytes(mutant := chance.choice(WAYS)(chance, content))
        try:
            session = read_session(path)
        except UserError as error:
            assert "\n" not in str(error)
        else:
            assert session.chunks >= 0
        assert path.read_bytes() == mutant
