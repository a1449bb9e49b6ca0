"""What a calibration found out: each linear layer's error in fewer bits, and what was decided. Data; needs no torch."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields

MEGABYTE = 1e6


@dataclass(frozen=True)
class Layer:
    """One linear layer. error: |y_q - y| / |y| over the sampled inputs, None where none were seen or it is no number.
    reason: why it stays as it is, "" where it is quantised; saved: bytes of weights that quantising it saves; reach:
    the largest absolute input.
    """

    name: str
    error: float | None
    reason: str
    saved: int
    reach: float | None = None

    @property
    def quantised(self) -> bool:
        return not self.reason


@dataclass(frozen=True)
class Report:
    """Which layers are quantised, and why the others are not. activations: see compile.precision.measure."""

    precision: str
    activations: str
    threshold: float
    layers: tuple[Layer, ...]

    @property
    def chosen(self) -> tuple[Layer, ...]:
        return tuple(layer for layer in self.layers if layer.quantised)

    @property
    def saved(self) -> int:
        """Bytes of all layers that are quantised."""
        return sum(layer.saved for layer in self.chosen)

    def to_json(self) -> str:
        return json.dumps(asdict(self), indent=1, allow_nan=False) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Report:
        """Raises ValueError for what is none."""
        try:
            found = json.loads(text)
            strangers = found.keys() ^ {field.name for field in fields(cls)}
            if strangers:
                raise ValueError(f"the report lacks or does not know {', '.join(sorted(strangers))}")
            return cls(**(found | {"layers": tuple(Layer(**layer) for layer in found["layers"])}))
        except (TypeError, AttributeError) as error:
            raise ValueError(f"this is no report: {error}") from error

    def __str__(self) -> str:
        """A table: layers whose names differ by numbers alone are one row."""
        kinds: dict[str, list[Layer]] = {}
        for layer in self.layers:
            kinds.setdefault(re.sub(r"\d+(?=\.)", "*", layer.name), []).append(layer)
        head = f"{self.precision}: {len(self.chosen)} of {len(self.layers)} linear layers, {size(self.saved)} saved"
        return "\n".join([head, *aligned([("layers", "fewer bits", "error", "saved", "the others")] + [
            (name, f"{sum(layer.quantised for layer in layers)} of {len(layers)}", spread(layers),
             size(sum(layer.saved for layer in layers if layer.quantised)),
             "; ".join(sorted({layer.reason for layer in layers if layer.reason})))
            for name, layers in kinds.items()
        ])])  # fmt: skip


def size(count: int) -> str:
    return f"{count / MEGABYTE:.2f} MB"


def spread(layers: Iterable[Layer]) -> str:
    errors = [layer.error for layer in layers if layer.error is not None]
    if not errors:
        return "-"
    low, high = f"{min(errors):.4f}", f"{max(errors):.4f}"
    return low if low == high else f"{low}..{high}"


def aligned(rows: list[tuple[str, ...]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
