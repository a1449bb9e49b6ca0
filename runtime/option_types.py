"""Kinds of values on the command line: each reads one word, and says in words what is wrong with it."""

from __future__ import annotations

import argparse
import math
import re
import sys
from typing import NoReturn, TextIO

from runtime.errors import UserError
from runtime.terminal import write

SIZES = range(64, 16385)
SEEDS = 2**31
HIGHEST_FPS = 1000


class Parser(argparse.ArgumentParser):
    """An argument parser whose errors are ours, and whose help may be read as far as one likes."""

    def error(self, message: str) -> NoReturn:
        raise UserError(message, "command line", "see --help")

    def print_help(self, file: TextIO | None = None) -> None:
        write(self.format_help().rstrip("\n"), file or sys.stdout)


def positive(text: str) -> float:
    """A number above 0."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and value > 0):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number above 0")
    return value


def rate(text: str) -> float:
    """Frames per second."""
    value = positive(text)
    if value > HIGHEST_FPS:
        raise argparse.ArgumentTypeError(f"{text!r} is more than {HIGHEST_FPS}")
    return value


def count(text: str) -> int:
    """A whole number above 0."""
    if not re.fullmatch(r"0*[1-9][0-9]{0,11}", text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return int(text)


def seed(text: str) -> int:
    """A seed that every generator of random numbers takes."""
    if not re.fullmatch(r"[0-9]{1,10}", text) or int(text) >= SEEDS:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 0 to {SEEDS - 1}")
    return int(text)


def size(text: str) -> tuple[int, int]:
    """WIDTHxHEIGHT in pixels."""
    match = re.fullmatch(r"([0-9]{1,6})x([0-9]{1,6})", text)
    pair = (int(match[1]), int(match[2])) if match else (0, 0)
    if pair[0] not in SIZES or pair[1] not in SIZES:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not WIDTHxHEIGHT with sides from {SIZES[0]} to {SIZES[-1]} pixels"
        )
    return pair


def device(text: str) -> str:
    """The form of a torch device; whether there is one, the world says."""
    if not re.fullmatch(r"[a-z]+(:[0-9]{1,3})?", text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a torch device such as cpu, cuda or cuda:1")
    return text
