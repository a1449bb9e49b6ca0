"""What tests share: the rooms on the path, no window by accident, and a screen for those that want one."""

from __future__ import annotations

import json
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest
from hypothesis import settings

ROOT = Path(__file__).resolve().parent.parent
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")

# The same examples in every run: what fails, fails for everybody.
settings.register_profile("steady", derandomize=True)
settings.load_profile("steady")

# A shell that starts the tests in the background has them ignore Ctrl-C, and so every process that they start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# What takes half a minute of one core and more: fixtures, and what Python runs for them; FOLDER is one of its own.
FOLDER = "{folder}"
WAN = ROOT.parent / "shared" / "reference" / "worldplay" / "golden_wan.safetensors"
DRY = ("--dry", "--device", "cpu", "--repeats", "1", "--seconds", "0", "--threads", "1", "--worlds", "matrix-game-2")
DRY += ("--engines", "eager", "graph", "--precisions", "bf16")
LONG = {
    "endless": ("tests/endless.py", FOLDER),
    "revisits": ("tests/endless_worldplay.py", FOLDER),
    "wan_recording": ("bench/parity.py", "worldplay", "wan", str(WAN)),
    "dry_run": (
        "-m",
        "bench.gpu",
        *DRY,
        "--out",
        f"{FOLDER}/out",
        "--engines",
        "eager",
        "graph",
        "--precisions",
        "bf16",
    ),
}
RUNS = pytest.StashKey[dict[str, "Run"]]()
NO_WINDOW = {"SDL_VIDEODRIVER": "dummy", "SDL_AUDIODRIVER": "dummy"}


@pytest.fixture(autouse=True)
def no_window_by_accident(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """SDL draws nowhere, unless the test asks for `xvfb`: its processes need os.environ without these names."""
    for name, driver in NO_WINDOW.items():
        if "xvfb" in request.fixturenames:
            monkeypatch.delenv(name, raising=False)
        else:
            monkeypatch.setenv(name, driver)


@pytest.fixture(autouse=True, scope="session")
def own_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Nothing is read from or left in the folder of whoever runs the tests; also not by processes that they start."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("REVERIE_HOME", str(tmp_path_factory.mktemp("home")))
        yield


@pytest.fixture(scope="session")
def xvfb() -> Iterator[str]:
    """The name of a display of our own, 1280x800 in 24 bits, as DISPLAY takes it."""
    server = shutil.which("Xvfb")
    if server is None:
        pytest.skip("Xvfb is not installed")
    told, tell = os.pipe()
    command = [server, "-displayfd", str(tell), "-screen", "0", "1280x800x24", "-nolisten", "tcp", "-noreset"]
    process = subprocess.Popen(command, pass_fds=(tell,), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    os.close(tell)
    try:
        with open(told) as pipe:
            number = pipe.readline().strip() if select.select([pipe], [], [], 30)[0] else ""
        if not number:
            pytest.fail("Xvfb did not start within 30 s")
        yield f":{number}"
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@dataclass(frozen=True)
class Run:
    """A process of LONG, and its folder."""

    process: subprocess.Popen
    folder: Path

    def told(self) -> str:
        """What it printed, once it has ended well."""
        out, _ = self.process.communicate(timeout=900)
        assert self.process.returncode == 0, out
        return out


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whoever waits for what takes longest comes last."""
    items.sort(key=lambda item: not LONG.keys().isdisjoint(getattr(item, "fixturenames", ())))


def pytest_collection_finish(session: pytest.Session) -> None:
    """What takes longest begins first, where it will be asked for, and gives way to all else."""
    asked = {name for item in session.items for name in getattr(item, "fixturenames", ())}
    runs = session.config.stash[RUNS] = {}
    for name, words in LONG.items() if not session.config.option.collectonly else ():
        if name in asked:
            folder = Path(tempfile.mkdtemp())
            command = [sys.executable, *(word.replace(FOLDER, str(folder)) for word in words)]
            gives_way = None if os.name == "nt" else lambda: os.nice(19)
            environment = os.environ | {"OMP_NUM_THREADS": "1", "REVERIE_HOME": str(folder)}
            process = subprocess.Popen(
                command, stdout=subprocess.PIPE, text=True, env=environment, cwd=ROOT, preexec_fn=gives_way
            )
            runs[name] = Run(process, folder)
            session.config.add_cleanup(process.kill)
            session.config.add_cleanup(partial(shutil.rmtree, folder, ignore_errors=True))


@pytest.fixture(scope="session")
def endless(pytestconfig: pytest.Config) -> dict:
    """What ten thousand chunks were like: see tests/endless.py."""
    return json.loads(pytestconfig.stash[RUNS]["endless"].told())


@pytest.fixture(scope="session")
def revisits(pytestconfig: pytest.Config) -> dict:
    """What coming back was like, two thousand chunks long: see tests/endless_worldplay.py."""
    return json.loads(pytestconfig.stash[RUNS]["revisits"].told())


@pytest.fixture(scope="session")
def wan_recording(pytestconfig: pytest.Config) -> str:
    """What bench/parity.py says of the 5B's recording."""
    if not WAN.is_file():
        pytest.skip(f"{WAN} is not there")
    return pytestconfig.stash[RUNS]["wan_recording"].told()


@pytest.fixture(scope="session")
def dry_run(pytestconfig: pytest.Config) -> tuple[str, dict]:
    """What a dry run of bench/gpu.py on the CPU prints, and what it writes."""
    run = pytestconfig.stash[RUNS]["dry_run"]
    return run.told(), json.loads((run.folder / "out").read_text(encoding="utf-8"))


@pytest.fixture(scope="session")
def torch_or_skip():
    """torch, which only training and worlds that run on a GPU need."""
    return pytest.importorskip("torch", reason="torch is not installed")


@pytest.fixture
def one_thread(torch_or_skip) -> Iterator[None]:
    """Small products on threads that wait for each other take long where cores are shared."""
    before = torch_or_skip.get_num_threads()
    torch_or_skip.set_num_threads(1)
    yield
    torch_or_skip.set_num_threads(before)


@pytest.fixture(scope="session")
def tiny_world(tmp_path_factory, torch_or_skip):
    """The folder of a world with random weights, exported as a real one is."""
    from dream_fixtures import write_world

    return write_world(tmp_path_factory.mktemp("worlds") / "tiny")


@pytest.fixture(scope="session")
def exported(tmp_path_factory, torch_or_skip):
    """Graphs that tests of TensorRT build engines of and run; exported once, for it takes a while."""
    from trt_fixtures import exported_graphs

    return exported_graphs(tmp_path_factory.mktemp)


@pytest.fixture
def desk(xvfb, tmp_path):
    for tool in ("xdotool", "import"):
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is not installed")
    from desk import Desk

    return Desk(xvfb, tmp_path)
