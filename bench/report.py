"""The results of bench/table.py as Markdown. Reads its JSON; measures nothing."""

from __future__ import annotations

COLUMNS = (
    "world", "engine", "precision", "attention", "denoise", "commit", "decode", "copy", "present", "chunk", "fps",
    "p99/p50", "memory", "error", "pictures", "allowed", "reached",
)  # fmt: skip
LEGEND = (
    "Milliseconds of one run of each graph, of the copy of a chunk's pictures to the host, of showing one picture "
    "({driver}), and of a chunk alone; commit: where a world has none, its pass over the context; frames per second "
    "end to end; memory in MB ({memory}). Error: |drawn - eager's| / |eager's| of the last prediction of a roll-out "
    "longer than the window, and the mean difference of its pictures, of 255, eager being in fp32 (WorldPlay at full "
    "size: bf16). Allowed: what this machine's rates allow a chunk's graphs, in ms; reached: the share of it."
)


def number(value: float | None, digits: int = 3) -> str:
    """So many digits that count; a dash for what is not known."""
    if value is None:
        return "-"
    if value == 0:
        return "0"
    return f"{value:.{digits}g}" if abs(value) < 10 ** (digits - 1) else f"{value:.0f}"


def percent(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.{0 if value >= 0.1 else 1}f} %"


def table(head: tuple[str, ...] | list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def row(entry: dict) -> list[str]:
    ran = entry["graphs"]
    ran = {"commit": ran["context"], **ran} if "context" in ran else ran  # a context is computed, not committed
    graphs = [number(ran.get(name, {}).get("ms")) for name in ("denoise", "commit", "decode")]
    times = [number(entry[name]) for name in ("copy_ms", "present_ms", "chunk_ms")]
    return [
        *(entry[name] for name in ("title", "engine", "precision", "attention")), *graphs, *times,
        number(entry["fps"]), f"{entry['p99_p50']:.2f}", f"{entry['memory_mb']:.0f}", number(entry["error"], 2),
        number(entry["picture_error"], 2), number(entry["ideal_ms"]), percent(entry["reached"]),
    ]  # fmt: skip


def counts(facts: dict) -> str:
    """What each graph costs, by world: the roofline's left side."""
    rows = []
    for title, graphs in facts["graphs"].items():
        runs = next((entry["graphs"] for entry in facts["rows"] if entry["title"] == title), {})
        for name, counted in graphs.items():
            each = f"{runs[name]['runs']:g}" if name in runs else "0"
            moved = [f"{counted['bytes'][width] / 1e6:.1f}" for width in ("fp32", "bf16", "int8")]
            rows.append([title, name, each, f"{counted['flops'] / 1e9:.3g}", *moved])
    return table(["world", "graph", "runs per chunk", "GFLOP", "MB fp32", "MB bf16, fp16", "MB fp8, int8"], rows)


def machines(facts: dict) -> list[str]:
    lines = []
    for device, here in facts["machines"].items():
        rates = ", ".join(f"{name} {rate / 1e12:.3g}" for name, rate in here["rates"].items())
        threads = f", at most {here['threads']} threads" if device == "cpu" else ""
        lines.append(
            f"Rates of {device} by {here['by']}{threads}: {rates} TFLOP/s; copy {here['bandwidth'] / 1e9:.1f} GB/s."
        )
    return lines


def markdown(facts: dict) -> str:
    """Title, table, what a world's graphs cost, this machine's rates, and what cannot run."""
    kinds = {entry["memory_of"] for entry in facts["rows"]}
    memory = {"process": "the process's peak", "device": "the device's, beside what CUDA itself takes"}
    said = " or ".join(memory[kind] for kind in sorted(kinds))
    drivers = ", ".join(sorted({f"SDL's {entry['present_by']}" for entry in facts["rows"]}))
    parts = [
        facts["hardware"],
        table(COLUMNS, [row(entry) for entry in facts["rows"]]),
        LEGEND.format(memory=said, driver=drivers),
    ]
    if facts["graphs"]:
        parts.append(counts(facts))
    parts += machines(facts)
    if facts["cannot_run"]:
        parts.append("\n".join(["Cannot run:", *(f"- {each['what']}: {each['why']}" for each in facts["cannot_run"])]))
    return "\n\n".join(parts)
