"""The shape of the repository: what lies where, what playing imports, and what never gets into a file."""

from __future__ import annotations

import ast
import hashlib
import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

TOP_LEVEL = {
    *("play.py", "input", "runtime", "model", "compile", "assets", "tests", "train", "bench", "docs"),
    *("README.md", "Makefile", "LICENSE", "pyproject.toml", ".ci", ".gitignore"),
}
# Not for playing: the rest of what the extras install, and the room that uses it.
NOT_FOR_PLAYING = {"torch", "onnx", "onnxscript", "gymnasium", "train", "transformers", "ftfy"}

# Spelt so that this file, which is searched too, does not match.
MACHINE_PATH = re.compile(rb"(?<![\w.~}-])/(?:work|farm|root|home|Users|mnt|opt|tmp)/\w|\b[A-Z]:\\+Users\\")
REGISTRY = re.compile(
    rb"p[y]pi\.(?:org|python)|p[y]thonhosted|d[o]wnload\.pytorch|an[a]conda\.(?:org|com)|regi[s]try\.npmjs"
    rb"|https?://[^\s\"']*/simple\b|--(?:extra-)?index-url|--find[-]links"
)
LOCK_FILE = re.compile(r"(?:\.lock|-lock\.(?:json|yaml)|^requirements.*\.txt|/requirements.*\.txt|^Pipfile.*)$")


@pytest.fixture(scope="module")
def tracked() -> list[str]:
    """Every file in git's index, so also what is added and not yet committed."""
    try:
        listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("not a git checkout")
    names = [name for name in listed.split("\0") if name and (ROOT / name).is_file()]
    if not names:
        pytest.skip("git tracks nothing here")
    return names


def test_top_level_holds_only_the_rooms(tracked):
    assert {name.split("/")[0] for name in tracked} <= TOP_LEVEL


def test_no_tracked_file_names_a_machine_path_or_a_registry(tracked):
    found = []
    for name in tracked:
        content = (ROOT / name).read_bytes()  # graphs and weights too: exporters like to write source paths into them
        found += [f"{name}: {hit[0]!r}" for pattern in (MACHINE_PATH, REGISTRY) for hit in pattern.finditer(content)]
        if LOCK_FILE.search(name):
            found.append(f"{name}: a lock file")
    assert found == []


@pytest.mark.parametrize("before", ["", "see ", '"', "=", "\0"])
@pytest.mark.parametrize("folder", ["home", "work", "tmp", "Users"])
def test_machine_paths_are_recognised(folder, before):
    assert MACHINE_PATH.search(f"{before}/{folder}/ann/clip.mp4".encode())
    assert not MACHINE_PATH.search(f"{before}docs/{folder}/clip.mp4".encode())
    assert not MACHINE_PATH.search(f"{before}/usr/bin/{folder}".encode())


@pytest.mark.parametrize("host", ["py_pi.org/project/x", "download.py_torch.org/whl", "packages.example/sim_ple/numpy"])
def test_registries_are_recognised(host):
    assert REGISTRY.search(f"https://{host.replace('_', '')}".encode())


def test_playing_imports_nothing_heavy():
    """All that plays the embedded world, imported in a fresh process, leaves torch and its company alone.

    runtime/env.py is for programs that have gymnasium.
    """
    program = """
import importlib, json, pkgutil, sys
names = ["model.registry", "model.dream.world", "compile.manager", "compile.engines.ort"]
for room in ("runtime", "input"):
    names += [f"{room}.{module.name}" for module in pkgutil.iter_modules(importlib.import_module(room).__path__)]
names.remove("runtime.env")
for name in names:
    importlib.import_module(name)
print(json.dumps([names, sorted({name.split(".")[0] for name in sys.modules})]))
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    imported, loaded = json.loads(done.stdout.splitlines()[-1])
    assert {"runtime.generator", "input.camera"} <= set(imported)
    assert NOT_FOR_PLAYING & set(loaded) == set()


def python_files() -> list[Path]:
    rooms = [ROOT / name for name in TOP_LEVEL if (ROOT / name).is_dir()]
    return [ROOT / "play.py", *sorted(path for room in rooms for path in room.rglob("*.py"))]


def shadowing(tree: ast.AST) -> list[int]:
    """Lines whose import binds the name of a builtin that is also a room here: `input` or `compile`."""
    lines = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            bound = {alias.asname or alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            bound = {alias.asname or alias.name for alias in node.names}
        else:
            continue
        if bound & {"input", "compile"}:
            lines.append(node.lineno)
    return lines


@pytest.mark.parametrize(
    ("source", "shadows"),
    [
        ("import input", True),
        ("import compile.engines", True),
        ("import json as input", True),
        ("from re import compile", True),
        ("from input import camera", False),
        ("from compile.engines import ort", False),
        ("import compile.engines as engine", False),
    ],
)
def test_shadowing_is_recognised(source, shadows):
    assert bool(shadowing(ast.parse(source))) is shadows


def test_rooms_do_not_shadow_builtins():
    found = []
    for path in python_files():
        lines = shadowing(ast.parse(path.read_text(encoding="utf-8"), str(path)))
        found += [f"{path.relative_to(ROOT)}:{line}" for line in lines]
    assert found == []


def test_licence_is_apache_2():
    text = (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert "   Copyright 2026 The Reverie authors\n" in text
    original = text.replace("Copyright 2026 The Reverie authors", "Copyright [yyyy] [name of copyright owner]")
    # The licence as published, apart from the copyright line above.
    digest = "cfc7749b96f63bd31c3c42b5c471bf756814053e847c10f3eb003417bc523d30"
    assert hashlib.sha256(original.encode()).hexdigest() == digest


def test_what_is_installed():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert (project["name"], project["license"]) == ("reverie", "Apache-2.0")
    assert project["requires-python"] == ">=3.11,<3.14"

    def names(requirements: list[str]) -> set[str]:
        return {re.split(r"[<>=!~; ]", requirement)[0] for requirement in requirements}

    assert names(project["dependencies"]) == {
        *("numpy", "pygame-ce", "onnxruntime", "pyyaml", "av", "pillow", "platformdirs", "safetensors"),
    }
    extras = project["optional-dependencies"]
    assert {name: names(extra) for name, extra in extras.items()} == {
        "gpu": {"torch", "huggingface_hub", "onnx", "onnxscript"},
        "openvino": {"openvino"},
        "env": {"gymnasium"},
        "trt": {"reverie[gpu]", "tensorrt-rtx"},
        "train": {"torch", "onnx", "onnxscript"},
        "text": {"reverie[gpu]", "transformers", "ftfy"},
        "test": {"reverie[train,gpu,text,openvino,trt,env]", "pytest", "hypothesis", "ruff"},
    }
    asked = {line for extra in extras.values() for line in extra if line.startswith("torch")}
    assert asked == {"torch>=2.11,<2.14"}


def test_a_window_opens_on_xvfb(xvfb):
    """The display works, and the silent drivers of the other tests do not leak into a window's process."""
    program = "import pygame; pygame.display.set_mode((64, 48)); print(pygame.display.get_driver())"
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "DISPLAY": xvfb},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "x11"
