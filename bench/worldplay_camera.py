"""WorldPlay's recorded cameras, action labels and retrieval choices, and what our code makes of the same input.

The recordings are in the fixture's JSON, so both are given: see bench/parity.py. Choices are made by the exact form and
again, `played`, by the history of play, as long as that counts all clips; whole numbers are compared exactly.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import torch

from bench.parity import Fixture
from model.worldplay import overlap
from model.worldplay.cameras import DEFAULT_PIXELS, Motion, labels, normalised, pose_motions, trajectory, view_matrices
from model.worldplay.history import FEW, History
from model.worldplay.overlap import Memory

# A name, what our code makes of it, and what was recorded.
Pair = tuple[str, object, object]


def camera(fixture: Fixture) -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]]:
    """A fixture of the kind `camera`: (produced, recorded), by name."""
    produced, recorded = {}, {}
    for pairs in (_pose_strings, _invalid, _motions, _retrieval, _overlaps, _points):
        for name, ours, theirs in pairs(fixture):
            produced[name], recorded[name] = (_tensor(value) for value in (ours, theirs))
    return produced, recorded


def _tensor(value: object) -> torch.Tensor:
    array = np.asarray(value)
    return torch.from_numpy(array.astype(np.int64 if array.dtype.kind in "biu" else np.float64))


def _pose_strings(fixture: Fixture) -> Iterator[Pair]:
    for number, entry in enumerate(fixture.notes.get("pose_strings", ())):
        name, c2w = f"pose.{number}", trajectory(pose_motions(entry["pose"]))
        yield f"{name}.latents", len(c2w), entry["latents"]
        yield f"{name}.frames", 4 * len(c2w) - 3, entry["frames"]
        yield f"{name}.viewmats", view_matrices(c2w), entry["viewmats"]
        yield f"{name}.actions", labels(c2w), entry["actions"]
        yield f"{name}.K", normalised(*DEFAULT_PIXELS), entry["K"]


def _invalid(fixture: Fixture) -> Iterator[Pair]:
    for number, entry in enumerate(fixture.notes.get("invalid_pose_strings", ())):
        yield f"invalid.{number}", _raised(pose_motions, entry["pose"]) == entry["raises"], True


def _raised(function: Callable, argument: object) -> str:
    try:
        function(argument)
    except Exception as error:
        return type(error).__name__
    return ""


def _motions(fixture: Fixture) -> Iterator[Pair]:
    for number, entry in enumerate(fixture.notes.get("motion_lists", ())):
        name, c2w = f"motions.{number}.{entry['name']}", trajectory(Motion(**motion) for motion in entry["motions"])
        (fx, _, cx), (_, fy, cy), _ = entry["K_pixels"]
        yield f"{name}.viewmats", view_matrices(c2w), entry["viewmats"]
        yield f"{name}.actions", labels(c2w, third_person=entry["third_person"]), entry["actions"]
        yield f"{name}.K", normalised(fx, fy, cx, cy), entry["K"]


def memories(fixture: Fixture) -> dict[str, Memory]:
    """What retrieval was recorded with, by the name of its choices: that of the 8B and that of the 5B model."""
    said = fixture.notes["retrieval_settings"]
    measure = {
        "recent": said["temporal_context_size"],
        "chunk": said["pred_latent_size"],
        "fov": (said["fov_h_deg"], said["fov_v_deg"]),
        "radius": said["radius"],
        "points": said["n_points"],
    }
    small = measure["recent"] + measure["chunk"]
    return {
        "selected": Memory(budget=said["memory_frames"], **measure),
        "selected_5b": Memory(budget=small, keep_first=False, **measure),
    }


def _retrieval(fixture: Fixture) -> Iterator[Pair]:
    for number, entry in enumerate(fixture.notes.get("retrieval", ())):
        name, c2w = f"retrieval.{number}.{entry['name']}", np.linalg.inv(np.array(entry["viewmats"]))
        if "pose" in entry:
            yield f"{name}.viewmats", view_matrices(trajectory(pose_motions(entry["pose"]))), entry["viewmats"]
        chunks = {chunk["current"]: chunk for chunk in entry["chunks"]}
        for kind, memory in memories(fixture).items():
            points = overlap.in_view(fixture.others[entry["points"]].cpu().numpy(), memory)
            distances = {start: overlap.clip_distances(c2w, start, points, memory) for start in chunks}
            choices = [overlap.chosen(clips, start, memory) for start, clips in distances.items()]
            yield f"{name}.{kind}", _flat(choices), _flat(chunk[kind] for chunk in chunks.values())
            counted = {start: chunks[start] for start, clips in distances.items() if len(clips) <= FEW}
            played = _played(c2w, counted, points, memory)
            yield f"{name}.{kind}.played", _flat(played), _flat(chunk[kind] for chunk in counted.values())
            if kind == "selected":
                yield from _distances(f"{name}.distances", distances, chunks)


def _flat(choices) -> np.ndarray:
    """Choices in a row, each behind its length, so that none can stand for another."""
    return np.array([number for choice in choices for number in (len(choice), *choice)], np.int64)


def _played(c2w: np.ndarray, chunks: dict, points: np.ndarray, memory: Memory) -> Iterator[tuple[int, ...]]:
    """The choices for `chunks` as a walk makes them, chunk by chunk."""
    whole = len(c2w) // memory.chunk * memory.chunk
    history = History(memory, most=max(whole, memory.budget + 2 * memory.chunk), points=points)
    for start in range(0, whole, memory.chunk):
        history.append(c2w[start : start + memory.chunk], np.zeros(memory.chunk, np.int64))
        if start in chunks:
            yield history.choose(start)


def _distances(name: str, distances: dict, chunks: dict) -> Iterator[Pair]:
    for start, chunk in chunks.items():
        if "clip_distances" in chunk:
            yield f"{name}.{start}", distances[start], chunk["clip_distances"]
        if chunk.get("margin_to_next") is not None:
            nearest, second = sorted(distance for _, distance in distances[start])[:2]
            yield f"{name}.{start}.margin", second - nearest, chunk["margin_to_next"]


def _overlaps(fixture: Fixture) -> Iterator[Pair]:
    walks = {entry["name"]: entry for entry in fixture.notes.get("retrieval", ())}
    for number, entry in enumerate(fixture.notes.get("overlap_samples", ())):
        walk, memory = walks[entry["trajectory"]], memories(fixture)["selected"]
        c2w = np.linalg.inv(np.array(walk["viewmats"]))
        points = overlap.in_view(fixture.others[walk["points"]].cpu().numpy(), memory)
        count = overlap.seen(c2w[entry["query"]], c2w[entry["history"]], points, memory)
        yield f"overlap.{number}", overlap.overlap(count, len(points)), entry["overlap"]


def _points(fixture: Fixture) -> Iterator[Pair]:
    """Points drawn anew from the seeds that were recorded; the official code draws in single precision."""
    for entry in {walk["points"]: walk for walk in fixture.notes.get("retrieval", ())}.values():
        theirs = fixture.others[entry["points"]].cpu().numpy()
        draws = torch.Generator().manual_seed(entry["torch_manual_seed"])
        uniforms = torch.stack([torch.rand(len(theirs), generator=draws) for _ in range(3)])
        yield entry["points"], overlap.ball(uniforms.numpy(), memories(fixture)["selected"].radius), theirs
