"""Settings: what a person prefers, on every start. A frozen value, what its fields may be and what changing them costs.

Not the command line: an option given there wins for one run and is not written down. The file is in settings_file.py.
"""

from __future__ import annotations

from dataclasses import dataclass

from compile.plan import ENGINES, PRECISIONS

LANGUAGES = ("auto", "en", "zh-CN")
HUDS = ("off", "line", "full")
LATENCIES = ("low", "smooth")

RUNS = ("hold", "toggle")

# What the fields of words may be; `world` may be any.
CHOICES = {
    "language": LANGUAGES,
    "hud": HUDS,
    "latency": LATENCIES,
    "run": RUNS,
    "engine": ("auto", *ENGINES),
    "precision": ("auto", *PRECISIONS),
}
# Of the fields that are numbers: the lowest, the highest, and the step in which a menu goes from one to the other.
SPANS = {
    "interface_scale": (0.5, 3.0, 0.1),
    "mouse_sensitivity": (0.1, 5.0, 0.1),
    "stick_sensitivity": (0.1, 5.0, 0.1),
    "look_smoothing": (0.0, 0.5, 0.01),
    "dead_zone": (0.0, 0.9, 0.01),
    "stick_curve": (0.5, 4.0, 0.1),
    "rewind_mb": (0, 8192, 64),
}

# What a change costs: nothing, a wait for the next chunk, or loading the world again.
LIVE, CHUNK, RESTART = "live", "chunk", "restart"


@dataclass(frozen=True)
class Settings:
    """What a change of a field costs is in COSTS, its limits are in CHOICES or SPANS: ValueError beyond them.

    interface_scale: of all text and menus; mouse_sensitivity, stick_sensitivity: times the default;
    look_smoothing: seconds over which the mouse's motion is spread, 0 for none; dead_zone: of sticks;
    stick_curve: exponent of a stick's response; run: "hold" or "toggle"; reduced_motion: limits the turn rate;
    flash_guard: limits how fast and how often the whole picture may change its brightness; blend: mix frames where the
    screen shows more than the world dreams; rewind_mb: memory for going back.
    """

    language: str = "auto"
    interface_scale: float = 1.0
    high_contrast: bool = False
    reduced_motion: bool = False
    flash_guard: bool = False
    hud: str = "off"
    fullscreen: bool = False
    latency: str = "low"
    vsync: bool = False
    blend: bool = False
    mouse_sensitivity: float = 1.0
    stick_sensitivity: float = 1.0
    invert_y: bool = False
    run: str = "hold"
    look_smoothing: float = 0.0
    dead_zone: float = 0.15
    stick_curve: float = 1.6
    rewind_mb: int = 256
    engine: str = "auto"
    precision: str = "auto"
    world: str = ""

    def __post_init__(self) -> None:
        for name, choices in CHOICES.items():
            if (value := getattr(self, name)) not in choices:
                raise ValueError(f"{name} is {value!r}, where one of {', '.join(choices)} is wanted")
        for name, (low, high, _) in SPANS.items():
            if not low <= (value := getattr(self, name)) <= high:
                raise ValueError(f"{name} is {value}, where a number from {low} to {high} is wanted")


COSTS = {"rewind_mb": CHUNK, "engine": RESTART, "precision": RESTART}


def cost_of(name: str) -> str:
    """What changing the field `name` costs."""
    return COSTS.get(name, LIVE)
