"""What tests of downloading share: hubs of our own, and an environment in which nobody else is asked."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
from fake_hub import REPO, REVISION, Hub, serving, sha256

from model.source import Source

BLOCK = 64 * 1024
PROXIES = ("http_proxy", "https_proxy", "all_proxy")
SOURCE = Source(REPO, REVISION, "apache-2.0")
BIG = bytes(range(256)) * 4096  # 1 MiB
FILES = {"config.json": sha256(b"{}"), "parts/model.safetensors": sha256(BIG)}
MODEL = {"parts/model.safetensors": FILES["parts/model.safetensors"]}


def partial_of(folder: Path) -> Path:
    return folder / "parts" / f"model.safetensors.{REVISION[:12]}.partial"


def names(folder: Path) -> list[str]:
    """Files of a folder, without the lock, which the hub's client may or may not leave."""
    found = (path for path in folder.rglob("*") if path.is_file() and path.name != ".fetch.lock")
    return sorted(path.relative_to(folder).as_posix() for path in found)


@pytest.fixture(name="serve")
def serve_fixture():
    """Starts hubs; gives each its address."""
    with contextlib.ExitStack() as stack:
        yield lambda hub: stack.enter_context(serving(hub))


@pytest.fixture(autouse=True)
def own_home_and_no_proxy(tmp_path, monkeypatch):
    """A home of our own; and a proxy that must not be asked, for some have one."""
    monkeypatch.setenv("REVERIE_HOME", str(tmp_path / "home"))
    for name in PROXIES:
        monkeypatch.setenv(name, "http://127.0.0.1:9")
        monkeypatch.delenv(name.upper(), raising=False)
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.setenv(name, "127.0.0.1,localhost")


@pytest.fixture(name="point")
def point_fixture(monkeypatch):
    """Points huggingface_hub, which reads its environment when it is imported, at an address in this process."""
    package = pytest.importorskip("huggingface_hub", reason="huggingface_hub is not installed")
    from huggingface_hub.utils import close_session

    def at(url: str) -> None:
        close_session()  # a new client, made in this test's environment
        monkeypatch.setattr(package.constants, "ENDPOINT", url)
        monkeypatch.setattr(
            package.constants, "HUGGINGFACE_CO_URL_TEMPLATE", url + "/{repo_id}/resolve/{revision}/{filename}"
        )

    monkeypatch.setattr(package.constants, "DOWNLOAD_CHUNK_SIZE", BLOCK)
    for name in ("HF_HUB_DISABLE_TELEMETRY", "HF_HUB_DISABLE_IMPLICIT_TOKEN"):
        monkeypatch.setattr(package.constants, name, True)
    monkeypatch.setattr(package.constants, "HF_HUB_OFFLINE", False)
    yield at
    close_session()


@pytest.fixture(name="hub")
def hub_fixture(serve, point):
    """A hub with two files, one of them in a folder."""
    hub = serve(Hub({"config.json": b"{}", "parts/model.safetensors": BIG}))
    point(hub.url)
    return hub
