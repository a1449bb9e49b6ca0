"""Where the reference fixtures are: beside the checkout. Tests that need them skip where they are not."""

from __future__ import annotations

from pathlib import Path

import pytest

REFERENCE = Path(__file__).resolve().parent.parent.parent / "shared" / "reference"


def reference(family: str, name: str) -> Path:
    path = REFERENCE / family / name
    if not path.exists():
        pytest.skip(f"no reference fixture {family}/{name} beside the checkout")
    return path
