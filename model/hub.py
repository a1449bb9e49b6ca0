"""The hub: what is asked of it by huggingface_hub, a file at a time, and its errors as single lines.

What huggingface_hub is made of is used, and not its `hf_hub_download`: see model/fetch.py, which says which files. A
request that is under way cannot be stopped: one that nobody answers ends by the hub's own timeout.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from model import digests
from model.progress import BYTES, Tally, Watcher
from model.source import Part, Source
from runtime.errors import UserError

AGAIN = "run it again, it goes on where it stopped"
SHA256 = re.compile(r"[0-9a-f]{64}")
BLOCK = 256 * 1024  # bytes between two signs of progress: a second of a slow line


class Refused(UserError):
    """The hub keeps a repository from us: it is gated, and there is no token, or one without access."""

    def __init__(self, status: int, source: Source) -> None:
        where = f"{source.repo} at {source.revision}"
        super().__init__(f"the hub refuses with status {status}", where, access_remedy(source))
        self.source = source


@dataclass(frozen=True)
class Wanted:
    """A file to download: `name` is its path in the repository, `size` in bytes where the hub tells it, `digest` its
    SHA-256 or empty where unknown.
    """

    part: Part
    name: str
    url: str
    size: int | None
    digest: str
    path: Path
    partial: Path

    @property
    def lies(self) -> str:
        """Where it will lie, from the folder of the weights."""
        return self.part.lies(self.name)

    @property
    def present(self) -> int:
        """Bytes that an earlier run has left to be continued."""
        present = self.partial.stat().st_size if self.partial.exists() else 0
        return present if present <= (self.size or 0) else 0


def require_hub() -> None:
    """Raise UserError where huggingface_hub is not installed."""
    # Read when the hub is imported: nobody needs to be told what else runs here, and nothing else is asked for.
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    try:
        from huggingface_hub import constants
        from huggingface_hub.utils import disable_progress_bars
    except ImportError as error:
        remedy = "install it: make gpu, or pip install -e '.[gpu]'"
        raise UserError(f"downloading weights needs huggingface_hub: {error}", "", remedy) from error
    # Its own blocks take a slow line a minute each, and its bars would be drawn over our lines.
    constants.DOWNLOAD_CHUNK_SIZE = min(constants.DOWNLOAD_CHUNK_SIZE, BLOCK)
    disable_progress_bars("huggingface_hub.http_get")


def ask(part: Part, name: str, folder: Path) -> Wanted:
    """What the hub says of a part's file before it is downloaded into `folder`."""
    from huggingface_hub import get_hf_file_metadata, hf_hub_url
    from huggingface_hub.errors import FileMetadataError

    url = hf_hub_url(part.repo, name, revision=part.revision)
    told = get_hf_file_metadata(url)
    if told.commit_hash is None:  # a captive portal's page, or an endpoint that is no hub
        raise FileMetadataError(f"what answers for {url} is no hub")
    published = told.etag if told.etag and SHA256.fullmatch(told.etag) else ""  # the hub's own, for large files
    path, digest = folder / part.lies(name), part.files[name] or published
    mark = re.sub(r"\W", "-", part.revision)[:12]  # another revision's part is not continued
    partial = path.with_name(f"{path.name}.{mark}.partial")
    return Wanted(part, name, url, told.size, digest, path, partial)


class Written:
    """A file that `told` is called for with its length, after every block that is written."""

    def __init__(self, file: BinaryIO, told: Callable[[int], None]) -> None:
        self._file, self._told = file, told

    def write(self, block: bytes) -> int:
        count = self._file.write(block)
        self._told(self._file.tell())
        return count

    def __getattr__(self, name: str) -> object:
        return getattr(self._file, name)


def download(file: Wanted, total: int, before: int, progress: Watcher) -> str:
    """Get the rest of one file and give it its name; returns how far it is to be trusted, in a word.

    total, before: bytes of all files (0: not known), and those that other files have already.
    """
    from huggingface_hub.file_download import http_get
    from huggingface_hub.utils import build_hf_headers

    headers = {**build_hf_headers(), "Accept-Encoding": "identity"}  # so that ranges count the file's own bytes
    file.path.parent.mkdir(parents=True, exist_ok=True)
    present = file.present
    progress.stage("downloading", total, BYTES, file.lies, before + present)
    # The hub's address, not the signed one behind it, which runs out: every retry is led there anew.
    with file.partial.open("ab" if present else "wb") as partial:
        http_get(
            file.url,
            Written(partial, lambda length: progress.advance(before + length)),
            resume_size=present,
            headers=headers,
            expected_size=file.size,
            displayed_filename=file.name,
        )
    progress.stage("checking", file.partial.stat().st_size, BYTES, file.lies)
    digest = digests.hash_anew(file.partial, Tally(progress).add)
    if file.digest and digest != file.digest:
        file.partial.unlink()
        where = f"{file.part.repo}/{file.name} at {file.part.revision}"
        raise UserError("a downloaded file is not what was published: its SHA-256 differs", where, "fetch it again")
    os.replace(file.partial, file.path)
    digests.remember(file.path, digest)
    return "verified" if file.digest else "no digest to verify it by"


def access_remedy(source: Source) -> str:
    """What to do where the hub refuses."""
    from huggingface_hub import constants, get_token

    page = f"{constants.ENDPOINT}/{source.repo}"
    if get_token():
        return f"ask for access on {page}: the present token (HF_TOKEN) has none; {AGAIN}"
    return f"ask for access on {page}, if it has to be asked for, set HF_TOKEN to a token of yours; {AGAIN}"


@contextlib.contextmanager
def one_line_errors(source: Source, folder: Path) -> Iterator[None]:
    """Turn what the hub, the network and the disk raise into UserError."""
    from huggingface_hub.errors import HfHubHTTPError
    from huggingface_hub.errors import HTTPError as TransferError  # of the client that this hub uses: httpx or httpx2

    at = f"{source.repo} at {source.revision}"
    try:
        yield
    except HfHubHTTPError as error:
        status = error.response.status_code
        if status in (401, 403):
            raise Refused(status, source) from error
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
