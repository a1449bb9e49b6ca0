"""WorldPlay's recorded cameras, action labels and retrieval choices, and what our code makes of the same input.

The recordings are in the fixture's JSON, so both are given: see bench/parity.py. Choices are made by the exact form and
again, `played`, by the history of play, as long as that counts all clips; whole numbers are compared exactly. What a
recording does not have is not asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from math import degrees

import numpy as np
import torch

from bench.parity import Fixture
from model.worldplay import overlap
from model.worldplay.cameras import DEFAULT_PIXELS, Motion, labels, normalised, pose_motions, trajectory, view_matrices
from model.worldplay.history import FEW, History
from model.worldplay.overlap import Memory
from model.worldplay.picture import bucket, buckets
from runtime.errors import UserError

# A name, what our code makes of it, and what was recorded.
Pair = tuple[str, object, object]
# Radians and units: a point nearer to the edge of a view may be in it or not, in the single precision of a recording;
# this near as long as the walk stays within so many units of its origin, beyond in proportion.
EDGE, WITHIN = 2e-6, 8.0
SAME = 1e-6  # shares this near have counted the same points


def camera(fixture: Fixture) -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]]:
    """A fixture of the kind `camera`: (produced, recorded), by name."""
    produced, recorded = {}, {}
    for pairs in (_pose_strings, _invalid, _motions, _retrieval, _overlaps, _points, _sizes):
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
        yield f"invalid.{number}", _refused(entry["pose"]), bool(entry["raises"])


def _refused(pose: str) -> bool:
    """Whether a pose string is none. What it is refused with is ours, whatever the official code happens to raise."""
    try:
        pose_motions(pose)
    except ValueError:
        return True
    return False


def _motions(fixture: Fixture) -> Iterator[Pair]:
    for number, entry in enumerate(fixture.notes.get("motion_lists", ())):
        name, c2w = f"motions.{number}.{entry['name']}", trajectory(Motion(**motion) for motion in entry["motions"])
        (fx, _, cx), (_, fy, cy), _ = entry["K_pixels"]
        yield f"{name}.viewmats", view_matrices(c2w), entry["viewmats"]
        yield f"{name}.actions", labels(c2w, third_person=entry["third_person"]), entry["actions"]
        yield f"{name}.K", normalised(fx, fy, cx, cy), entry["K"]


def memories(fixture: Fixture) -> dict[str, Memory]:
    """What retrieval was recorded with, by the name of its choices: that of the 8B and that of the 5B model.

    How much the 5B chooses has no setting: it is the most that it chose, and at least one clip.
    """
    said = fixture.notes["retrieval_settings"]
    measure = {
        "recent": said["temporal_context_size"],
        "chunk": said["pred_latent_size"],
        "fov": (said["fov_h_deg"], said["fov_v_deg"]),
        "radius": said["far_limit"],  # of what is seen; that of the points themselves may be another
        "points": said["n_points"],
    }
    chunks = [chunk for walk in fixture.notes.get("retrieval", ()) for chunk in walk["chunks"]]
    small = max([measure["recent"] + measure["chunk"], *(len(chunk.get("selected_5b", ())) for chunk in chunks)])
    return {
        "selected": Memory(budget=said["memory_frames"], **measure),
        "selected_5b": Memory(budget=small, keep_first=False, **measure),
    }


def _retrieval(fixture: Fixture) -> Iterator[Pair]:
    for number, entry in enumerate(fixture.notes.get("retrieval", ())):
        name, c2w = f"retrieval.{number}.{entry['name']}", np.linalg.inv(np.array(entry["viewmats"]))
        if "pose" in entry:
            yield f"{name}.viewmats", view_matrices(trajectory(pose_motions(entry["pose"]))), entry["viewmats"]
        for kind, memory in memories(fixture).items():
            chunks = {chunk["current"]: chunk for chunk in entry["chunks"] if kind in chunk}
            if not chunks:
                continue
            points = _in_view(fixture, entry, memory)
            distances = {start: overlap.clip_distances(c2w, start, points, memory) for start in chunks}
            choices = [overlap.chosen(clips, start, memory) for start, clips in distances.items()]
            yield f"{name}.{kind}", _flat(choices), _flat(chunk[kind] for chunk in chunks.values())
            whole = {start for start in chunks if start + memory.chunk <= len(c2w)}
            counted = {start: chunks[start] for start in whole if len(distances[start]) <= FEW}
            played = _played(c2w, counted, points, memory)
            yield f"{name}.{kind}.played", _flat(played), _flat(counted[start][kind] for start in sorted(counted))
            if kind == "selected":
                for start, chunk in chunks.items():
                    measure = partial(overlap.clip_distances, c2w, start, points)
                    name_there, edges = f"{name}.distances.{start}", _edges(memory, c2w)
                    yield from _distances(name_there, distances[start], chunk, measure, edges)


def _in_view(fixture: Fixture, walk: dict, memory: Memory) -> np.ndarray:
    return overlap.in_view(_ball(fixture, walk), memory)


def _ball(fixture: Fixture, walk: dict) -> np.ndarray:
    """The points [n, 3] that a walk's choices were recorded with."""
    if walk["points"] not in fixture.others:
        where, remedy = f"retrieval {walk['name']!r}", "give the .safetensors that was recorded with the .json"
        raise UserError(f"the fixture has no tensor {walk['points']!r}", where, remedy)
    return fixture.others[walk["points"]].cpu().numpy()


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


def _distances(name: str, clips: list, chunk: dict, measure: Callable, edges: list[Memory]) -> Iterator[Pair]:
    ours = np.array(clips)
    if "clip_distances" in chunk:
        ours = _or_at_the_edge(ours, chunk["clip_distances"], measure, edges)
        yield name, ours, chunk["clip_distances"]
    if chunk.get("margin_to_next") is not None:
        nearest, second = sorted(ours[:, 1])[:2]
        yield f"{name}.margin", second - nearest, chunk["margin_to_next"]


def _edges(memory: Memory, c2w: np.ndarray) -> list[Memory]:
    """`memory` with views that are smaller and larger by what single precision is unsure of."""
    edge = EDGE * max(1.0, np.linalg.norm(c2w[..., :3, 3], axis=-1).max() / WITHIN)
    grown = [(tuple(angle + 2 * degrees(by) for angle in memory.fov), memory.radius + by) for by in (-edge, edge)]
    return [replace(memory, fov=fov, radius=radius) for fov, radius in grown]


def _or_at_the_edge(ours: object, theirs: object, measure: Callable, edges: list[Memory]) -> np.ndarray:
    """`ours`; or of what `measure` can be, with the points at the edges of views in them or not, the nearest to theirs.

    Shares are of thousands of points, so that a single one at an edge would be beyond the tolerance.
    """
    ours, theirs = np.asarray(ours, np.float64), np.asarray(theirs, np.float64)
    if ours.shape != theirs.shape or np.abs(ours - theirs).max(initial=0) < SAME:
        return ours
    ends = [np.asarray(measure(memory)) for memory in edges]
    return np.clip(theirs, np.minimum(*ends), np.maximum(*ends))


def _overlaps(fixture: Fixture) -> Iterator[Pair]:
    walks = {entry["name"]: entry for entry in fixture.notes.get("retrieval", ())}
    for number, entry in enumerate(fixture.notes.get("overlap_samples", ())):
        walk, memory = walks[entry["trajectory"]], memories(fixture)["selected"]
        c2w = np.linalg.inv(np.array([walk["viewmats"][entry[role]] for role in ("query", "history")]))
        share = partial(_share, *c2w, _in_view(fixture, walk, memory))
        ours = _or_at_the_edge(share(memory), entry["overlap"], share, _edges(memory, c2w))
        yield f"overlap.{number}", ours, entry["overlap"]


def _share(query: np.ndarray, other: np.ndarray, points: np.ndarray, memory: Memory) -> np.ndarray:
    return overlap.overlap(overlap.seen(query, other, points, memory), len(points))


def _points(fixture: Fixture) -> Iterator[Pair]:
    """Points drawn anew from the seeds that were recorded; the official code draws in single precision."""
    for entry in {walk["points"]: walk for walk in fixture.notes.get("retrieval", ())}.values():
        if entry.get("torch_manual_seed") is None:
            continue
        theirs = _ball(fixture, entry)
        draws = torch.Generator().manual_seed(entry["torch_manual_seed"])
        uniforms = torch.stack([torch.rand(len(theirs), generator=draws) for _ in range(3)])
        yield entry["points"], overlap.ball(uniforms.numpy(), fixture.notes["retrieval_settings"]["radius"]), theirs


def _sizes(fixture: Fixture) -> Iterator[Pair]:
    recorded = fixture.notes.get("resolution_480p", {})
    if "n_buckets" in recorded:
        yield "sizes", len(buckets()), recorded["n_buckets"]
    for number, example in enumerate(recorded.get("examples", ())):
        yield f"size.{number}", bucket(*example["image_wh"])[::-1], example["height_width"]
