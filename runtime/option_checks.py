"""Option checks: what a command line asks for that cannot be, found before anything is loaded. Nothing is read in."""

from __future__ import annotations

import itertools

# These raise for no path, not even for one that is longer than the system allows.
from os.path import exists, isdir
from pathlib import Path
from typing import TYPE_CHECKING

from runtime.errors import UserError
from runtime.session import session_path
from runtime.shelf import slot_path

if TYPE_CHECKING:
    from runtime.options import Options


def unused(recording: Path) -> Path:
    """That path, numbered if there is a video or a session of its name."""
    numbered = (recording.with_stem(f"{recording.stem}-{number}") for number in itertools.count(2))
    paths = itertools.chain((recording,), numbered)
    return next(path for path in paths if not path.exists() and not session_path(path).exists())


def require_writable(path: Path, what: str) -> None:
    """Raise UserError unless `path` can be written; leaves a file that is there as it is, and creates none."""
    existed = exists(path)
    try:
        with path.open("ab"):
            pass
        if not existed:
            path.unlink()
    except OSError as error:
        raise UserError(f"cannot write {what}", f"{path}: {error.strerror or error}", "choose another path") from error


def require_weights(options: Options) -> None:
    """Raise UserError unless --weights is a folder, or one that --fetch can make."""
    folder = options.weights
    if folder and not isdir(folder) and (exists(folder) or options.fetch is None):
        remedy = "name the folder that holds the weights; --fetch WORLD downloads them"
        raise UserError("not a folder" if exists(folder) else "no such folder", f"--weights {folder}", remedy)


def require_mp4(path: Path, name: str, what: str) -> None:
    """Raise UserError unless `path`, the value of --`name`, is a video that can be written."""
    if path.suffix.lower() != ".mp4":
        raise UserError(f"{what}s are mp4 files", f"--{name} {path}", "end its name in .mp4")
    require_writable(path, f"the {what}")


def require_sense(options: Options) -> None:
    """Raise UserError for options that exclude each other."""
    if options.replay and options.script:
        raise UserError("--replay and --script exclude each other", "command line", "a session brings its own controls")
    if options.slot is not None:
        slot_path(Path(), options.slot)
    if options.kiosk:
        given = {"record": options.record, "replay": options.replay, "continue": options.resume}
        given |= {"slot": options.slot, "export": options.export}
        for name in (name for name, value in given.items() if value):
            remedy = "an exhibit records and shows what its YAML says"
            raise UserError(f"--kiosk and --{name} exclude each other", "command line", remedy)
    if options.accept_licence and not options.fetch:
        raise UserError("--accept-licence is for a download", "command line", "give --fetch WORLD with it")
    if options.slot and options.image:
        raise UserError("--slot and --image exclude each other", "command line", "a saved world has its picture")
    if options.seed is not None and (options.replay or options.resume or options.slot):
        raise UserError("--seed is that of the walk gone on from", "command line", "leave --seed out")
    if options.kiosk and options.headless:
        raise UserError("--kiosk and --headless exclude each other", "command line", "an exhibit has a window")
    if options.resume and options.record and same_file(session_path(options.record), options.resume):
        remedy = "record under another name"
        raise UserError("the session would be written over while it is gone on from", str(options.resume), remedy)
    if options.export:
        for name in ("record", "resume", "report"):
            if getattr(options, name):
                said = "continue" if name == "resume" else name
                raise UserError(f"--export and --{said} exclude each other", "command line", "give one of them")
        if not options.replay and options.seconds is None and options.frames is None:
            remedy = "give --replay FILE, or --seconds S of a walk, with --script FILE"
            raise UserError("nothing to export", "--export", remedy)


def same_file(one: Path, other: Path) -> bool:
    """Whether both are the same file, under whatever name; False where one of them is none."""
    try:
        return one.samefile(other)
    except OSError:
        return False


def check(options: Options) -> None:
    """Raise UserError for options that exclude each other, and for files that are not there or cannot be written."""
    require_sense(options)
    require_weights(options)
    if options.engine_dir and not isdir(options.engine_dir):
        remedy = "make one: python -m compile build WORLD --out DIR"
        raise UserError("no such folder", f"--engine-dir {options.engine_dir}", remedy)
    if options.record:
        require_mp4(options.record, "record", "recording")
        if not options.replay:
            require_writable(session_path(options.record), "the session log")
    if options.export:
        require_mp4(options.export, "export", "video")
    if options.report:
        require_writable(options.report, "the report")
