"""Which rows a table can have on this machine, in what order, and why it cannot have the others. Measures nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from bench.families import ANY, TORCH_ENGINES, Spec, buffer_type, family_of, is_reference
from compile import manager
from compile.plan import ENGINES, Place
from model.graph import Unavailable

# What worlds are run in, where nobody asks for anything else: the first that there is.
USUAL = {"cpu": ("fp32", "bf16"), "cuda": ("bf16", "fp16", "fp32")}


@dataclass(frozen=True)
class Refusal:
    """Why a row is not there. subject: an engine or an attention back end; detail: the precision."""

    title: str
    subject: str
    detail: str
    why: str


def kind_of(device: str) -> str:
    return device.partition(":")[0]


def place_of(spec: Spec) -> Place:
    return Place(kind_of(spec.device), spec.device, spec.threads)


def stage(spec: Spec, specs: Sequence[Spec]) -> tuple[int, int]:
    """What a person would wait for first: the row that others are compared with, the chain of engines in the precision
    that play takes, other attention back ends, other precisions.
    """
    place = place_of(spec)
    mine = {other.precision for other in specs if (other.world, other.engine) == (spec.world, spec.engine)}
    usual = next((name for name in USUAL[place.kind] if name in mine), None)
    chain = [*place.chain, *(name for name in ENGINES if name not in place.chain)]
    late = (
        0 if is_reference(spec) else 3 if spec.precision != usual else 2 if spec.attention not in (ANY, "sdpa") else 1
    )
    return late, chain.index(spec.engine)


def reference_of(base: Spec) -> Spec:
    """The row that the others of a world are compared with."""
    family = family_of(base.world)
    attention = "sdpa" if family.attends else ANY
    precision = family.compared if base.full else "fp32"
    return replace(base, engine="eager", precision=precision, attention=attention)


def possible(
    base: Spec, engines: Sequence[str], precisions: Sequence[str], attention: Sequence[str]
) -> tuple[list[Spec], list[Refusal]]:
    """The rows of a world, and why not the others."""
    family, place = family_of(base.world), place_of(base)
    found: list[Spec] = []
    refused: list[Refusal] = []
    for engine in engines:
        for precision in precisions:
            reason = cannot(place, engine, precision)
            if reason:
                refused.append(Refusal(base.title, engine, precision, reason))
                continue
            spec = replace(base, engine=engine, precision=precision)
            for name in attention if family.attends and engine in TORCH_ENGINES else (ANY,):
                reason = no_attention(name, spec)
                if reason:
                    refused.append(Refusal(base.title, f"attention {name}", precision, reason))
                else:
                    found.append(replace(spec, attention=name))
    return found, refused


def cannot(place: Place, engine: str, precision: str) -> str:
    """Why an engine cannot run here; empty where it can."""
    try:
        manager.engine_module(engine).probe(place, precision)
    except (Unavailable, ImportError) as reason:
        return str(reason)
    return ""


def no_attention(attention: str, spec: Spec) -> str:
    """Why an attention back end cannot run here; empty where it can."""
    if attention == ANY:
        return ""
    from model.attention import probe

    try:
        probe(attention, spec.device, buffer_type(spec))
    except Unavailable as reason:
        return str(reason)
    return ""


def grouped(refused: Sequence[Refusal], titles: int) -> list[dict[str, str]]:
    """Reasons, each once, with all that it holds for; worlds are named where it is not all of them (`titles`)."""
    whys: dict[str, dict[str, dict[str, list[str]]]] = {}
    for each in refused:
        details = whys.setdefault(each.why, {}).setdefault(each.subject, {}).setdefault(each.title, [])
        if each.detail not in details:
            details.append(each.detail)
    found = []
    for why, subjects in whys.items():
        alike: dict[tuple, list[str]] = {}
        for subject, by_title in subjects.items():
            where = "" if len(by_title) == titles else f" of {', '.join(by_title)}"
            details = list(dict.fromkeys(name for names in by_title.values() for name in names))
            alike.setdefault((" in " + ", ".join(details) if any(details) else "", where), []).append(subject)
        what = "; ".join(f"{', '.join(names)}{detail}{where}" for (detail, where), names in alike.items())
        found.append({"what": what, "why": why})
    return found
