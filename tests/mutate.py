"""Files as they come back from broken disks, editors and hands: one seeded way to damage bytes, for every test."""

from __future__ import annotations

from random import Random

ABSURD = (b"-1", b"0", b"1e999", b"nan", b"9" * 40, b"-9" * 20, b"0x7fffffffffffffff", b"1_000", b"2001-99-99", b"~")
PIECES = (
    b"\x00",
    b"\xff\xfe",
    b"\t",
    b"\r",
    b"\n\n",
    b": ",
    b"- ",
    b"*a ",
    b"&a ",
    b"!!python/name:os ",
    b"%",
    b"\x1b[2J",
)
BRACKETS = (b"[", b"{", b"- ", b"? ", b"[{a: ", b"!a ")
DEEP, LONG = (50, 3000), (100, 60_000)


def flip(content: bytearray, random: Random) -> None:
    """One bit is another."""
    if content:
        content[random.randrange(len(content))] ^= 1 << random.randrange(8)


def overwrite(content: bytearray, random: Random) -> None:
    """A run of bytes is noise."""
    at = random.randrange(len(content) + 1)
    content[at : at + random.randint(1, 16)] = random.randbytes(random.randint(1, 16))


def cut(content: bytearray, random: Random) -> None:
    """The end is missing."""
    del content[random.randrange(len(content) + 1) :]


def lose(content: bytearray, random: Random) -> None:
    """A piece of the middle is missing."""
    at = random.randrange(len(content) + 1)
    del content[at : at + random.randint(1, 64)]


def insert(content: bytearray, random: Random) -> None:
    """Something is there that does not belong."""
    at = random.randrange(len(content) + 1)
    content[at:at] = random.choice(PIECES)


def double_line(content: bytearray, random: Random) -> None:
    """A line stands there twice."""
    lines = content.splitlines(keepends=True)
    if lines:
        at = random.randrange(len(lines))
        lines.insert(random.randrange(len(lines) + 1), lines[at])
        content[:] = b"".join(lines)


def swap_lines(content: bytearray, random: Random) -> None:
    """Two lines have changed places."""
    lines = content.splitlines(keepends=True)
    if len(lines) > 1:
        a, b = random.randrange(len(lines)), random.randrange(len(lines))
        lines[a], lines[b] = lines[b], lines[a]
        content[:] = b"".join(lines)


def absurd(content: bytearray, random: Random) -> None:
    """A run of digits is a number that nobody meant; where there are none, it is inserted."""
    digits = [at for at, byte in enumerate(content) if chr(byte).isdigit()]
    at = random.choice(digits) if digits else random.randrange(len(content) + 1)
    end = at
    while end < len(content) and chr(content[end]).isdigit():
        end += 1
    content[at:end] = random.choice(ABSURD)


def nest(content: bytearray, random: Random) -> None:
    """Deeper than anybody writes."""
    at = random.randrange(len(content) + 1)
    content[at:at] = random.choice(BRACKETS) * random.randint(*DEEP)


def repeat(content: bytearray, random: Random) -> None:
    """A piece comes again and again."""
    at = random.randrange(len(content) + 1)
    piece = bytes(content[at : at + random.randint(1, 40)]) or b"a"
    content[at:at] = piece * (random.randint(*LONG) // len(piece))


WAYS = (flip, overwrite, cut, lose, insert, double_line, swap_lines, absurd, nest, repeat)


def mutated(content: bytes, seed: int) -> bytes:
    """`content` damaged in one to four ways; the same for the same seed, and never as it was."""
    random, damaged = Random(seed), bytearray(content)
    for _ in range(random.randint(1, 4)):
        random.choice(WAYS)(damaged, random)
    while damaged == content:
        flip(damaged, random) if content else damaged.extend(b"\x00")
    return bytes(damaged)
