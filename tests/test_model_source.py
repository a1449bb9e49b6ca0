"""A world's files from more than one repository: read strictly, each in its place, and all of them or one line."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from fake_hub import REPO, REVISION, Hub, sha256
from hub_fixtures import own_home_and_no_proxy, point_fixture, serve_fixture  # noqa: F401
from hypothesis import given
from hypothesis import strategies as st
from licence_fixtures import GARDEN, POND, terms

from model import registry
from model.fetch import weights_folder
from model.registry import fetch_world, terms_for
from model.source import Part, require_inside
from model.worldfile import identity, read_world_file
from runtime.consent import accept
from runtime.errors import UserError
from runtime.library import missing_bytes

POND_REPO, GATED_REPO = "pond/encoder", "gated/eye"
HERE = Path(__file__).parent
CONTENTS = {
    "net/config.json": b"{}",
    f"{POND_REPO}:model.safetensors": bytes(range(256)) * 256,
    f"{GATED_REPO}:eye/model.safetensors": b"eye" * 9000,
}
LYING = {
    "net/config.json": "net/config.json",
    "text/pond/model.safetensors": f"{POND_REPO}:model.safetensors",
    "eye/model.safetensors": f"{GATED_REPO}:eye/model.safetensors",
}


def source(repo: str, **more) -> dict:
    return {"repo": repo, "revision": REVISION, "licence": "its own", **more}


def files(*names: str) -> dict[str, str]:
    return {name.split(":")[-1]: sha256(CONTENTS[name]) for name in names}


@pytest.fixture
def described() -> dict:
    """A world of three repositories, two of them with terms."""
    _, pond, eye = CONTENTS
    further = [source(POND_REPO, into="text/pond", terms=POND, files=files(pond)), source(GATED_REPO, files=files(eye))]
    return {"source": source(REPO, terms=GARDEN), "files": files("net/config.json"), "further": further}


@pytest.fixture
def world(described, tmp_path) -> Path:
    return written(tmp_path, described)


def written(folder: Path, described: dict) -> Path:
    folder = folder / "garden"
    folder.mkdir(exist_ok=True)
    (folder / "world.yaml").write_text(yaml.safe_dump(described))
    return folder


@pytest.fixture
def hub(serve, point):
    hub = serve(Hub(dict(CONTENTS)))
    point(hub.url)
    return hub


def test_every_repository_brings_its_files_to_their_places(world, hub):
    said = []
    accept(terms_for(str(world)))
    folder = fetch_world(str(world), None, False, said.append)
    assert {name: (folder / name).read_bytes() for name in LYING} == {n: CONTENTS[at] for n, at in LYING.items()}
    total = sum(map(len, CONTENTS.values()))
    assert f"{total / 1e3:.1f} kB in 3 files" in said and sum("verified" in line for line in said) == 3
    assert [line for line in said if "licence its own" in line] == said[:3]
    every = read_world_file(world).every_file
    assert set(every) == set(LYING) and identity(folder, every)
    (folder / "text/pond/model.safetensors").write_bytes(b"spoilt")
    with pytest.raises(UserError, match="altered"):
        identity(folder, every)
    hub.asked.clear()
    fetch_world(str(world), None, False, str)
    assert [name for name, _ in hub.gets()] == ["model.safetensors"], "only what is spoilt comes again"


def test_offline_nothing_is_asked_neither_of_the_hub_nor_of_anybody(world, hub):
    def nobody(_terms):
        raise AssertionError("nobody should be asked")

    with pytest.raises(UserError) as caught:
        fetch_world(str(world), None, True, str, consent=nobody)
    assert all(f"{name} (missing)" in str(caught.value) for name in LYING) and not hub.asked


def test_before_its_licences_are_accepted_nothing_is_asked_of_the_hub(world, hub):
    with pytest.raises(UserError, match="--accept-licence garden-community --accept-licence pond$"):
        fetch_world(str(world), None, False, str)
    assert not hub.asked and not weights_folder("garden").exists()


def test_only_the_licences_of_what_is_missing_are_asked_for(world, hub):
    folder, seen = weights_folder("garden"), []
    (folder / "net").mkdir(parents=True)
    (folder / "net/config.json").write_bytes(CONTENTS["net/config.json"])
    fetch_world(str(world), None, False, str, consent=seen.append)
    assert seen == [(terms(POND),)]
    seen.clear()
    fetch_world(str(world), None, False, str, consent=seen.append)
    assert seen == [], "nothing is missing, so nobody is asked"


def test_what_is_gated_is_left_out_and_told_and_comes_with_a_token(world, hub, monkeypatch):
    import huggingface_hub

    hub.gated.add(GATED_REPO)
    monkeypatch.delenv("HF_TOKEN", raising=False)
    monkeypatch.setenv("HF_HOME", str(world))
    monkeypatch.setattr(huggingface_hub.constants, "HF_TOKEN_PATH", str(world / "token"))
    accept(terms_for(str(world)))
    said = []
    with pytest.raises(UserError) as caught:
        fetch_world(str(world), None, False, said.append)
    assert "status 401 (gated/eye at 0123" in str(caught.value) and "\n" not in str(caught.value)
    assert f"ask for access on {hub.url}/{GATED_REPO}" in str(caught.value) and "set HF_TOKEN" in str(caught.value)
    folder = weights_folder("garden")
    assert [name for name in LYING if (folder / name).exists()] == list(LYING)[:2]
    told = next(number for number, line in enumerate(said) if line == f"left out: {caught.value}")
    assert told < next(number for number, line in enumerate(said) if "65.5 kB in 2 files" in line)
    with pytest.raises(UserError, match="status 401"):  # there is nothing else to have
        fetch_world(str(world), None, False, str)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_DISABLE_IMPLICIT_TOKEN", False)
    monkeypatch.setenv("HF_TOKEN", "hf_none")
    fetch_world(str(world), None, False, str)
    assert all((folder / name).exists() for name in LYING)


def test_a_token_without_access_is_told_as_such(world, hub, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_none")
    hub.status[f"{GATED_REPO}:eye/model.safetensors"] = (403, "GatedRepo")
    accept(terms_for(str(world)))
    with pytest.raises(UserError, match=r"status 403.*the present token \(HF_TOKEN\) has none"):
        fetch_world(str(world), None, False, str)


def test_what_another_repository_lacks_is_missing_in_lists_too(world, described):
    read = read_world_file(world)
    assert missing_bytes(read, world) is None
    described["download_gb"] = 1.0
    assert missing_bytes(read_world_file(written(world.parent, described)), world) == 10**9
    for name in LYING:
        (world / name).parent.mkdir(parents=True, exist_ok=True)
        (world / name).touch()
    assert missing_bytes(read, world) == 0


def changed(described: dict, **more) -> dict:
    return {**described, "further": [{**described["further"][0], **more}]}


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"into": "../out"}, "no path within a folder"),
        ({"into": "/out"}, "no path within a folder"),
        ({"into": "C:\\out"}, "no path within a folder"),
        ({"files": {"../../x": ""}}, "no path within a folder"),
        ({"into": "net", "files": {"config.json": ""}}, "two repositories have a file for 'net/config.json'"),
        ({"terms": {**POND, "lines": []}}, "'pond' need a title, a url and lines"),
        ({"terms": {**POND, "name": "The Pond"}}, "terms need a name"),
        ({"terms": {**POND, "title": "\x1b[2J"}}, "cannot be shown"),
        ({"terms": {**POND, "excludes": "EU"}}, "unknown key 'excludes'"),
        ({"terms": "pond"}, "mapping of names"),
        ({"repo": ""}, "a repository needs a repo and a revision"),
        ({"branch": "main"}, "unknown key 'branch'"),
        ({"files": ["a"]}, "files is"),
    ],
)
def test_what_a_repository_may_not_say(described, tmp_path, more, told):
    with pytest.raises(UserError, match=told) as caught:
        read_world_file(written(tmp_path, changed(described, **more)))
    assert "world.yaml" in str(caught.value) and "\n" not in str(caught.value)


def test_further_repositories_want_a_first_one(described, tmp_path):
    del described["source"]
    with pytest.raises(UserError, match="further repositories are for a world that has a source"):
        read_world_file(written(tmp_path, described))


@given(st.lists(st.sampled_from(["a", "..", ".", "b.c", "/", "\\", "C:", ""]), max_size=5).map("/".join))
def test_no_path_leads_out_of_its_folder(name):
    try:
        require_inside(name)
    except ValueError:
        return
    inside = HERE.joinpath(name)
    assert ".." not in inside.parts and inside.is_relative_to(HERE) and inside != HERE
    assert Part("a/b", "main", into=name, files={"f": ""}).lies("f").endswith("/f")


BUNDLED = {name: read_world_file(registry.WORLDS / name) for name, _, _ in registry.list_worlds()}


@pytest.mark.parametrize("name", [name for name, read in BUNDLED.items() if not read.further])
def test_bundled_worlds_of_one_repository_are_as_they_were(name):
    read = BUNDLED[name]
    assert read.every_file == read.files
    assert [part.files for part in read.parts] == ([read.files] if read.source else [])
    assert terms_for(name) == ()


@pytest.mark.parametrize("name", [name for name, read in BUNDLED.items() if read.further])
def test_bundled_worlds_of_several_have_all_their_files_and_ask_for_each_licence_once(name):
    read = BUNDLED[name]
    lying = [part.lies(file) for part in read.parts for file in part.files]
    assert sorted(lying) == sorted(read.every_file), "no two files lie at one place"
    names = [terms.name for terms in terms_for(name)]
    assert names[:1] == ["tencent-hy-worldplay"] and len(set(names)) == len(names)
