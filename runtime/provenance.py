"""Provenance: what a screenshot or a video says of where it came from, as words by name. Written by others."""

from __future__ import annotations

import json
from collections.abc import Mapping

import numpy as np

from model.world import WorldInfo
from runtime.versions import reverie_version


def provenance(
    info: WorldInfo,
    seed: int,
    backend: str = "",
    *,
    session: str = "",
    chunk: int | None = None,
    prompt: str = "",
    camera: np.ndarray | None = None,
) -> dict[str, str]:
    """What is known, by name; what is empty or None is left out.

    `backend`: what computes by now, where it is not the one that the world was loaded with; `session`: the name of the
    log's file; `chunk`, `prompt` and `camera` (camera-to-world [4, 4]) are those of one picture.
    """
    facts = {
        "reverie": reverie_version(),
        "world": info.name,
        "title": info.title,
        "weights": info.weights_sha256,
        "backend": backend or info.backend,
        "device": info.device,
        "seed": str(seed),
        "session": session,
        "chunk": "" if chunk is None else str(chunk),
        "prompt": prompt,
        "camera": "" if camera is None else json.dumps(np.round(camera, 6).tolist()),
    }
    return {name: words for name, words in facts.items() if words}


def title_of(metadata: Mapping[str, str]) -> str:
    """What programs show as the title of a picture or a video."""
    return " - ".join(filter(None, ("Reverie", metadata.get("title") or metadata.get("world"))))
