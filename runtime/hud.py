"""HUD: figures over the picture, in one line or in full. What it says is a pure function of runtime/figures.py.

It measures nothing and draws nothing: that is runtime/figures_view.py.
"""

from __future__ import annotations

from runtime.settings import HUDS
from runtime.strings import text


def following(mode: str) -> str:
    """The mode after `mode`: what one press of the key changes it to."""
    return HUDS[(HUDS.index(mode) + 1) % len(HUDS)]


def hud_lines(mode: str, numbers: dict, held: frozenset[str]) -> list[str]:
    """The overlay's lines in `mode` (runtime.settings.HUDS); `numbers` as runtime/figures.py gives them."""
    if mode == "off":
        return []
    return [one_line(numbers)] if mode == "line" else full_lines(numbers, held)


def one_line(numbers: dict) -> str:
    """Rates, latency and what was lost."""
    late = numbers["latency_ms"]
    line = text(
        "hud.line",
        shown=f"{numbers['fps_now']:.1f}",
        dreamt=f"{numbers['fps_generated']:.1f}",
        p50=f"{late['p50']:.0f}",
        p95=f"{late['p95']:.0f}",
        dropped=numbers["dropped_frames"],
    )
    lost = numbers.get("recording_dropped_frames")
    return line if lost is None else f"{line} · {text('hud.recording', dropped=lost)}"


def full_lines(numbers: dict, held: frozenset[str]) -> list[str]:
    """`name   value` for everything that is measured."""
    chunk, late, gap = (numbers[name] for name in ("chunk_ms", "latency_ms", "frame_interval_ms"))
    asked = text("hud.of", fps=f"{numbers['fps_asked']:g}") if numbers["fps_asked"] else ""
    split = " · ".join(f"{text(f'hud.part.{part}')} {ms:.1f}" for part, ms in numbers["chunk_split_ms"].items())
    depth = text("hud.depth", queued=numbers["queue_frames"], depth=numbers["queue_depth_frames"])
    mode = numbers["latency_mode"]
    memory = [f"{numbers['rss_mb_last']:.0f} MB"]
    if numbers["device_mb"] is not None:
        memory.append(text("hud.device", mb=f"{numbers['device_mb']:.0f}"))
    if "rewind_mb" in numbers:
        memory.append(text("hud.rewind", mb=f"{numbers['rewind_mb']:.0f}"))
    rows = [
        ("shown", f"{numbers['fps_now']:.1f}{asked}"),
        ("dreamt", f"{numbers['fps_generated']:.1f}"),
        ("interval", f"{gap['p50']:.1f} / {gap['p99']:.1f} ms  ({text('hud.share50_99')})"),
        ("chunk", f"{chunk['p50']:.0f} / {chunk['p95']:.0f} ms  ({text('hud.share50_95')})"),
        ("split", f"{split} ms"),
        ("latency", f"{late['p50']:.0f} / {late['p95']:.0f} ms  ({text('hud.share50_95')})"),
        ("queue", f"{depth} · {text(f'hud.mode.{mode}')}"),
        ("dropped", f"{numbers['dropped_frames']}"),
        ("memory", " · ".join(memory)),
        ("engine", f"{numbers['backend']} ({numbers['device']})"),
        ("seed", f"{numbers['seed']}"),
        ("held", " ".join(sorted(held)) or "-"),
    ]
    if "recording_dropped_frames" in numbers:
        rows.insert(0, ("record", text("hud.recording", dropped=numbers["recording_dropped_frames"])))
    if "building" in numbers:
        rows.append(("building", numbers["building"]))
    return [f"{text(f'hud.row.{name}')}   {value}" for name, value in rows]
