"""Stores the states of prompts and start pictures beside a world, so that who plays it needs no encoder.

python -m model.prompts WORLD [TEXT ...] --weights DIR [--image FILE ...] [--out DIR] [--device cpu]

The empty text, the world's own and its start pictures are always stored: a walk begins with them where nobody says
anything. What is in the file stays, unless it is made again.
For people it is a line per encoder; a mistake is one line and exit code 2.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from model import registry
from model.encoders.base import EMPTY, Conditioning, missing
from model.encoders.loading import require_packages
from model.fetch import weights_folder
from model.placement import place
from model.prompts.embedder import Embedder
from model.prompts.listed import FILE
from model.prompts.stored import Stored, read_stored, require_same, write_stored
from model.world import LoadOptions
from model.worldfile import read_world_file
from runtime.errors import UserError
from runtime.image import load_image
from runtime.option_types import Parser, device
from runtime.terminal import complain, say

Say = Callable[[str], None]


def parse(argv: list[str] | None) -> argparse.Namespace:
    """The command line; raises UserError."""
    parser = Parser(prog="python -m model.prompts", description=__doc__.split("\n")[0])
    parser.add_argument("world", metavar="WORLD", help="a bundled world, or a folder with a world.yaml")
    parser.add_argument("texts", metavar="TEXT", nargs="*", default=[], help="a prompt, exactly as it will be given")
    parser.add_argument("--weights", type=Path, metavar="DIR", help="the folder of the world's official files")
    parser.add_argument("--image", type=Path, metavar="FILE", action="append", default=[], help="a start picture")
    parser.add_argument("--out", type=Path, metavar="DIR", help=f"the folder of {FILE} (the world's)")
    parser.add_argument("--device", type=device, default="auto", help="what encodes (%(default)s)")
    return parser.parse_args(argv)


def store(options: argparse.Namespace, tell: Say = say) -> None:
    """Encode and store what was asked for."""
    require_packages()
    folder = registry.find_world(options.world)
    described = read_world_file(folder)
    wanted = conditioning_of(folder, registry.family_of(described, folder), described)
    if options.image and not wanted.picture:
        raise UserError(f"{folder.name} is not told of its start picture", "--image", "leave it out")
    weights, path = options.weights or weights_folder(folder.name), (options.out or folder) / FILE
    pixels = [*registry.starts_of(folder, described), *(load_image(image).pixels for image in options.image)]
    pixels = [wanted.prepare(picture) for picture in pixels] if wanted.picture else []
    before = existing(path, wanted, weights)
    embedder = Embedder(wanted, weights, device=place(LoadOptions(device=options.device)).device)
    texts = [EMPTY, wanted.prompt or EMPTY, *options.texts]
    for encoder in wanted.encoders:
        needed = bool(pixels) if encoder is wanted.picture else any(encoder.reads(text) for text in texts)
        if needed and (lost := missing(encoder, weights)):
            what = f"the encoder {encoder.name} is not there: {', '.join(lost)}"
            raise UserError(what, str(weights), "fetch it, or name the folder that holds it with --weights DIR")
    made = embedder.made(embedder.encode_texts(texts), embedder.encode_pictures(pixels) if pixels else {})
    whole = before.merged(made)
    write_stored(path, whole)
    for name, mark in sorted(made.made_by.items()):
        tell(f"{folder.name}: encoded by {name} ({mark[:12]})")
    tell(f"{len(whole.texts)} texts and {len(whole.pictures)} pictures are in {path}")


def conditioning_of(folder: Path, family: object, described: object) -> Conditioning:
    """What the family's networks are told; raises UserError for one that is told nothing."""
    if not hasattr(family, "conditioning"):
        raise UserError(f"{folder.name} is not told of any text", str(folder), "there is nothing to store for it")
    return family.conditioning(folder, described)


def existing(path: Path, wanted: Conditioning, weights: Path) -> Stored:
    """What the file holds already; raises UserError where it cannot be added to."""
    if not path.exists():
        return Stored()
    found = read_stored(path, wanted)
    require_same(found, wanted, weights, path)
    return found


def main(argv: list[str] | None = None) -> int:
    try:
        store(parse(argv))
    except UserError as error:
        complain(str(error))
        return 2
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
