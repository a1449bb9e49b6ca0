"""Fetching: a world's official weights, from a hub by huggingface_hub, into a folder of plain files, each one checked.

What is there and right is not asked for again. An interrupted download leaves FILE.REVISION.partial, and the next run
continues it; a file gets its name only when it is whole. `hf_hub_download` itself is not used: since its version 1.18
it throws away what an interrupted run had, twelve gigabytes or not. What it is made of does not. The endpoint and the
token are the hub's own environment variables, HF_ENDPOINT and HF_TOKEN. This is no cache: worlds do not share files.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from model import digests
from runtime.errors import UserError

AGAIN = "run it again, it goes on where it stopped"
SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Source:
    """Where a world's official files come from: a repository on the hub, a pinned revision, a licence's name."""

    repo: str
    revision: str
    licence: str = ""


@dataclass(frozen=True)
class Wanted:
    """A file to download: `size` in bytes where the hub tells it, `digest` its SHA-256 or empty where unknown."""

    name: str
    url: str
    size: int | None
    digest: str
    path: Path
    partial: Path

    @property
    def present(self) -> int:
        """Bytes that an earlier run has left to be continued."""
        present = self.partial.stat().st_size if self.partial.exists() else 0
        return present if present <= (self.size or 0) else 0


def weights_folder(world_name: str) -> Path:
    """Where a world's weights lie when nobody says otherwise."""
    return digests.home() / "weights" / world_name


def fetch(
    source: Source,
    files: Mapping[str, str],
    folder: Path,
    offline: bool = False,
    say: Callable[[str], None] = print,
) -> Path:
    """Make `folder` hold all `files` (path in the repository to SHA-256, empty where unknown); returns it.

    One line to `say` per file. Offline nothing is asked of anybody. Raises UserError for whatever goes wrong; Ctrl-C
    passes through.
    """
    lacks = {}
    for name, digest in files.items():
        lack = _lack(folder / name, digest)
        if lack:
            lacks[name] = lack
        else:
            say(f"{name}: {in_words((folder / name).stat().st_size)}, already there")
    if lacks and offline:
        named = ", ".join(f"{name} ({lack})" for name, lack in lacks.items())
        ours = folder == weights_folder(folder.name)
        command = f"--fetch {folder.name}" if ours else f"--fetch WORLD --weights {folder}"
        raise UserError(f"weights are not there: {named}", str(folder), f"run `python play.py {command}` online")
    if lacks:
        _require_hub()
        with _one_line_errors(source, folder):
            _download_all(source, {name: files[name] for name in lacks}, folder, say)
    return folder


def in_words(size: int) -> str:
    """A number of bytes for people."""
    for unit, name in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if size >= unit:
            return f"{size / unit:.1f} {name}"
    return f"{size} bytes"


def _lack(path: Path, digest: str) -> str:
    """Why the file must be fetched: "missing" or "altered"; empty where it is there and right."""
    try:
        if not path.is_file():
            return "missing"
        return "altered" if digest and digests.sha256_of(path) != digest else ""
    except OSError as error:
        raise UserError(f"weights cannot be read: {error.strerror}", str(path), "check its permissions") from error


def _require_hub() -> None:
    """Raise UserError where huggingface_hub is not installed."""
    # Read when the hub is imported: nobody needs to be told what else runs here, and nothing else is asked for.
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    try:
        import huggingface_hub  # noqa: F401
    except ImportError as error:
        remedy = "install it: make gpu, or pip install -e '.[gpu]'"
        raise UserError(f"downloading weights needs huggingface_hub: {error}", "", remedy) from error


def _download_all(source: Source, files: Mapping[str, str], folder: Path, say: Callable[[str], None]) -> None:
    """Ask for every file's size first, so that what cannot work is told before the first gigabyte."""
    from huggingface_hub.utils import WeakFileLock

    folder.mkdir(parents=True, exist_ok=True)
    with WeakFileLock(folder / ".fetch.lock", timeout=0.1):  # two that append to one file would spoil it
        wanted = [_ask(source, name, digest, folder) for name, digest in files.items()]
        needed = sum((file.size or 0) - file.present for file in wanted)
        if needed > (free := shutil.disk_usage(folder).free):
            raise OSError(errno.ENOSPC, f"{in_words(needed)} are needed and {in_words(free)} free")
        for file in wanted:
            trust = _download(file, source)
            say(f"{file.name}: {in_words(file.path.stat().st_size)}, {trust}")


def _ask(source: Source, name: str, digest: str, folder: Path) -> Wanted:
    """What the hub says of a file before it is downloaded."""
    from huggingface_hub import get_hf_file_metadata, hf_hub_url
    from huggingface_hub.errors import FileMetadataError

    url = hf_hub_url(source.repo, name, revision=source.revision)
    told = get_hf_file_metadata(url)
    if told.commit_hash is None:  # a captive portal's page, or an endpoint that is no hub
        raise FileMetadataError(f"what answers for {url} is no hub")
    published = told.etag if told.etag and SHA256.fullmatch(told.etag) else ""  # the hub's own, for large files
    path = folder / name
    mark = re.sub(r"\W", "-", source.revision)[:12]  # another revision's part is not continued
    return Wanted(name, url, told.size, digest or published, path, path.with_name(f"{path.name}.{mark}.partial"))


def _download(file: Wanted, source: Source) -> str:
    """Get the rest of one file and give it its name; returns how far it is to be trusted, in a word."""
    from huggingface_hub.file_download import http_get
    from huggingface_hub.utils import build_hf_headers

    headers = {**build_hf_headers(), "Accept-Encoding": "identity"}  # so that ranges count the file's own bytes
    file.path.parent.mkdir(parents=True, exist_ok=True)
    present = file.present
    # The hub's address, not the signed one behind it, which runs out: every retry is led there anew.
    with file.partial.open("ab" if present else "wb") as partial:
        http_get(
            file.url,
            partial,
            resume_size=present,
            headers=headers,
            expected_size=file.size,
            displayed_filename=file.name,
        )
    digest = digests.hash_anew(file.partial)
    if file.digest and digest != file.digest:
        file.partial.unlink()
        where = f"{source.repo}/{file.name} at {source.revision}"
        raise UserError("a downloaded file is not what was published: its SHA-256 differs", where, "fetch it again")
    os.replace(file.partial, file.path)
    digests.remember(file.path, digest)
    return "verified" if file.digest else "no digest to verify it by"


@contextlib.contextmanager
def _one_line_errors(source: Source, folder: Path) -> Iterator[None]:
    """Turn what the hub, the network and the disk raise into UserError."""
    from huggingface_hub.errors import HfHubHTTPError
    from huggingface_hub.errors import HTTPError as TransferError  # of the client that this hub uses: httpx or httpx2

    at = f"{source.repo} at {source.revision}"
    try:
        yield
    except HfHubHTTPError as error:
        status = error.response.status_code
        if status in (401, 403):
            remedy = "ask for access on its page, if it has to be asked for, and set HF_TOKEN"
            raise UserError(f"the hub refuses with status {status}", at, remedy) from error
        if status == 404:
            address = str(error.response.url).partition("?")[0]
            raise UserError(f"the hub does not have {address}", at, "see HF_ENDPOINT") from error
        raise UserError(f"the hub answers with status {status}", at, f"later, {AGAIN}") from error
    except TimeoutError as error:
        raise UserError("another process fetches into this folder", str(folder), "let it finish") from error
    except (OSError, TransferError) as error:
        if getattr(error, "errno", None) and not isinstance(error, ConnectionError):
            remedy = f"choose another folder with --weights, or make room: {AGAIN}"
            where = str(error.filename or folder)
            raise UserError(f"weights cannot be written: {error.strerror}", where, remedy) from error
        remedy = f"see the network and HF_ENDPOINT; {AGAIN}"
        raise UserError(f"the hub cannot be reached: {error}", at, remedy) from error
