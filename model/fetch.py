"""Fetching: a world's official weights, from a hub by huggingface_hub, into a folder of plain files, each one checked.

What is there and right is not asked for again. An interrupted download leaves FILE.REVISION.partial, and the next run
continues it; a file gets its name only when it is whole. `hf_hub_download` itself is not used: since its version 1.18
it throws away what an interrupted run had, twelve gigabytes or not. What it is made of does not. The endpoint and the
token are the hub's own environment variables, HF_ENDPOINT and HF_TOKEN. This is no cache: worlds do not share files.
Whoever watches may stop it between two blocks.
"""

from __future__ import annotations

import errno
import shutil
from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from model import digests
from model.hub import Refused, Wanted, ask, download, one_line_errors, require_hub
from model.progress import BYTES, STEPS, UNWATCHED, Tally, Watcher
from model.progress import size_in_words as in_words
from model.source import Part, Source, Terms, lying, terms_of
from runtime.consent import require_accepted
from runtime.errors import UserError


def weights_folder(world_name: str) -> Path:
    """Where a world's weights lie when nobody says otherwise."""
    return digests.home() / "weights" / world_name


def fetch(
    source: Source,
    files: Mapping[str, str],
    folder: Path,
    offline: bool = False,
    say: Callable[[str], None] = print,
    progress: Watcher = UNWATCHED,
) -> Path:
    """As `fetch_parts`, from one repository: `files` is path in it to SHA-256, empty where unknown."""
    return fetch_parts([Part(**vars(source), files=dict(files))], folder, offline, say, progress)


def fetch_parts(
    parts: Sequence[Part],
    folder: Path,
    offline: bool = False,
    say: Callable[[str], None] = print,
    progress: Watcher = UNWATCHED,
    consent: Callable[[Sequence[Terms]], None] = require_accepted,
) -> Path:
    """Make `folder` hold all files of all parts; returns it.

    One line to `say` per file, and one of the whole before anything is downloaded. Offline nothing is asked of anybody.
    consent: called with the terms of what is to be downloaded, before that; raises UserError where one of them is not
    accepted. What a repository refuses is left out, and told when all the rest is there. Raises UserError for whatever
    goes wrong; Ctrl-C passes through, as does what `progress` raises.
    """
    lacks, there = _lacking(lying(parts), folder, say, progress)
    if lacks and offline:
        named = ", ".join(f"{name} ({lack})" for name, lack in lacks.items())
        ours = folder == weights_folder(folder.name)
        command = f"--fetch {folder.name}" if ours else f"--fetch WORLD --weights {folder}"
        raise UserError(f"weights are not there: {named}", str(folder), f"run `python play.py {command}` online")
    if lacks:
        require_hub()
        wanted = [replace(part, files=_only(part, lacks)) for part in parts if _only(part, lacks)]
        consent(terms_of(wanted))
        with one_line_errors(wanted[0], folder):
            _download_all(wanted, folder, there, say, progress)
    return folder


def _only(part: Part, names: Container[str]) -> dict[str, str]:
    """Those of its files that lie at `names`."""
    return {name: digest for name, digest in part.files.items() if part.lies(name) in names}


def _lacking(
    files: Mapping[str, str], folder: Path, say: Callable[[str], None], progress: Watcher
) -> tuple[dict[str, str], list[int]]:
    """(why each file that must be fetched must be, by name; the sizes of the others)."""
    lacks, there = {}, []
    to_hash = sum(digests.to_be_hashed(folder / name) for name, digest in files.items() if digest)
    progress.stage("checking", to_hash, BYTES, folder.name)
    hashed = Tally(progress)
    for name, digest in files.items():
        lack = _lack(folder / name, digest, hashed)
        if lack:
            lacks[name] = lack
        else:
            there.append((folder / name).stat().st_size)
            say(f"{name}: {in_words(there[-1])}, already there")
    return lacks, there


def _lack(path: Path, digest: str, hashed: Tally) -> str:
    """Why the file must be fetched: "missing" or "altered"; empty where it is there and right."""
    try:
        if not path.is_file():
            return "missing"
        return "altered" if digest and digests.sha256_of(path, hashed.add) != digest else ""
    except OSError as error:
        raise UserError(f"weights cannot be read: {error.strerror}", str(path), "check its permissions") from error


def _download_all(
    parts: Sequence[Part], folder: Path, there: list[int], say: Callable[[str], None], progress: Watcher
) -> None:
    """Ask for every file's size first, so that what cannot work is told before the first gigabyte.

    there: the sizes of the world's other files.
    """
    from huggingface_hub.utils import WeakFileLock

    folder.mkdir(parents=True, exist_ok=True)
    with WeakFileLock(folder / ".fetch.lock", timeout=0.1):  # two that append to one file would spoil it
        wanted, refused = _ask_all(parts, folder, progress)
        if refused and not wanted:
            raise refused[0]
        for refusal in refused:
            say(f"left out: {refusal}")
        done = sum(there) + sum(file.present for file in wanted)
        total = sum(there) + sum(file.size or 0 for file in wanted)
        if (needed := total - done) > (free := shutil.disk_usage(folder).free):
            raise OSError(errno.ENOSPC, f"{in_words(needed)} are needed and {in_words(free)} free")
        known = all(file.size is not None for file in wanted)  # where the hub tells
        say(announced(total, done, len(there) + len(wanted), known))
        for file in wanted:
            before = done - file.present
            with one_line_errors(file.part, folder):
                trust = download(file, total if known else 0, before, progress)
            done = before + file.path.stat().st_size
            say(f"{file.lies}: {in_words(file.path.stat().st_size)}, {trust}")
    if refused:
        raise refused[0]


def _ask_all(parts: Sequence[Part], folder: Path, progress: Watcher) -> tuple[list[Wanted], list[Refused]]:
    """What the hub says of every file, without those of repositories that it refuses; and these refusals."""
    wanted: list[Wanted] = []
    refused: list[Refused] = []
    names = [(part, name) for part in parts for name in part.files]
    for number, (part, name) in enumerate(names):
        if any(refusal.source is part for refusal in refused):
            continue
        progress.stage("asking", len(names), STEPS, part.repo, number)
        try:
            with one_line_errors(part, folder):
                wanted.append(ask(part, name, folder))
        except Refused as refusal:
            refused.append(refusal)
            wanted = [file for file in wanted if file.part is not part]
    return wanted, refused


def announced(total: int, there: int, files: int, known: bool = True) -> str:
    """What there is to download, before it begins: "11.8 GB in 3 files, 4.1 GB there already"."""
    least = "" if known else "at least "
    whole = f"{least}{in_words(total)} in {files} file{'' if files == 1 else 's'}"
    return f"{whole}, {in_words(there)} there already" if there else whole
