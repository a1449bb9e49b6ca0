"""Verdict: what a soak found, as the JSON object that it prints. It measures nothing itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.faults import Trial
from bench.records import read_records
from runtime.heartbeat import Heart, percentile_s

if TYPE_CHECKING:
    from bench.soak import Soak


def verdict(soak: Soak, heart: Heart, seconds: float, early: bool) -> dict:
    """The JSON object, once the player has ended."""
    pulse = heart.pulse(intervals=True)
    records, p99 = read_records(soak.site.disk, pulse), percentile_s(pulse.intervals, 0.99)
    survived = sum(trial.survived is True for trial in soak.trials)
    meant = sum(trial.fault.replaces for trial in soak.trials)
    restarts = max(0, pulse.starts - 1)
    gone = [trial.restart_s for trial in soak.trials if trial.restart_s is not None]
    whole = records.lost == 0 and survived == len(soak.trials) and restarts == meant
    whole = whole and not early and not soak.interrupted
    return {
        "ok": whole and pulse.frames > 0,
        "minutes": round(seconds / 60, 3),
        "kiosk": soak.plan.kiosk,
        "display": "Xvfb" if soak.display else "none",
        "frames": pulse.frames,
        "fps": round(pulse.frames / seconds, 2),
        "period_ms": round(pulse.period * 1e3, 3),
        "p99_ms": round(p99 * 1e3, 2),
        "p99_of_period": round(p99 / pulse.period, 3) if pulse.period else None,
        "faults_injected": len(soak.trials),
        "faults_survived": survived,
        "faults": [told(trial) for trial in soak.trials],
        "faults_skipped": soak.skipped,
        "full_disk_by": "a small disk" if soak.site.small else "a limit of files",
        "restarts": restarts,
        "restarts_unasked": restarts - meant,
        "worst_restart_s": round(max(gone), 2) if gone else None,
        "ended_early": soak.last_words() if early else "",
        "interrupted": soak.interrupted,
        "memory": soak.memory.summary(),
        "hands": soak.hands.presses,
        "lost_records": records.lost,
        "records": records.summary(),
    }


def told(trial: Trial) -> dict:
    """One fault, and what came of it."""
    gone = None if trial.restart_s is None else round(trial.restart_s, 2)
    return {"fault": trial.fault.name, "survived": trial.survived, "restart_s": gone, "gap_s": round(trial.gap_s, 2)}
