"""Settings page: all settings on one page, each with what changing it costs. What they mean is in settings.py."""

from __future__ import annotations

from dataclasses import fields, replace

from runtime import strings
from runtime.keys_page import KeysPage
from runtime.menu import Item, Menu
from runtime.orders import Adopt
from runtime.pages import Page, Shared, back_item, first_enabled
from runtime.settings import CHOICES, SPANS, Settings, cost_of
from runtime.strings import text

GROUPS = {
    "screen": ("language", "interface_scale", "high_contrast", "hud", "fullscreen", "vsync", "blend", "latency"),
    "comfort": ("reduced_motion", "flash_guard"),
    "walking": ("run", "mouse_sensitivity", "invert_y", "look_smoothing"),
    "gamepad": ("stick_sensitivity", "dead_zone", "stick_curve"),
    "world": ("world", "engine", "precision", "rewind_mb"),
}
# Those whose label does not say all.
TOLD = (
    *("hud", "latency", "vsync", "blend", "reduced_motion", "flash_guard", "run", "look_smoothing", "dead_zone"),
    *("stick_curve", "world", "engine", "precision", "rewind_mb"),
)


def setting_item(shared: Shared, name: str) -> Item:
    """The setting `name` as a line of a menu, in the present language."""
    value, label = getattr(shared.settings, name), text(f"setting.{name}")
    cost = text(f"cost.{cost_of(name)}")
    if name in SPANS:
        return Item(name, label, "slider", value, span=SPANS[name], detail=cost)
    if isinstance(value, bool):
        return Item(name, label, "toggle", value, detail=cost)
    return Item(name, label, "choice", value, options_of(shared, name), detail=cost)


def options_of(shared: Shared, name: str) -> tuple[tuple[object, str], ...]:
    """The values that a setting of words may have, each with its words."""
    if name == "world":
        chosen, default = shared.settings.world, {"": text("value.world.default")}
        own = {chosen: chosen} if chosen and chosen not in shared.titles else {}
        return tuple({**default, **shared.titles, **own}.items())
    if name == "language":
        return (("auto", text("value.language.auto")), *strings.languages().items())
    if name in ("engine", "precision"):  # names of programs and of formats, the same in every language
        return tuple((choice, text("value.auto") if choice == "auto" else choice) for choice in CHOICES[name])
    return tuple((choice, text(f"value.{name}.{choice}")) for choice in CHOICES[name])


class SettingsPage(Page):
    """Every change is an order to adopt the settings as they are then."""

    def __init__(self, shared: Shared) -> None:
        self._shared = shared
        super().__init__()

    def make(self) -> Menu:
        items: list[Item] = []
        for group, names in GROUPS.items():
            items.append(Item(f"group:{group}", text(f"settings.group.{group}"), "heading"))
            items += [setting_item(self._shared, name) for name in names]
            if group == "walking":
                items.append(Item("keys", text("keys.title")))
        changed = self._shared.settings != Settings()
        whole = (*items, Item("defaults", text("settings.defaults"), enabled=changed), back_item())
        return Menu(text("settings.title"), whole, first_enabled(whole))

    def about(self, name: str) -> str:
        return text(f"about.{name}") if name in TOLD else text("settings.hint")

    def changed(self, name: str, value: object) -> Adopt:
        # What a menu makes of a slider's value may be whole where the field is not, and the other way round.
        kind = {field.name: field.type for field in fields(Settings)}[name]
        value = {"int": int, "float": float}.get(kind, lambda same: same)(value)
        return self._adopt(replace(self._shared.settings, **{name: value}))

    def chosen(self, name: str) -> object:
        return KeysPage(self._shared) if name == "keys" else self._adopt(Settings())

    def _adopt(self, settings: Settings) -> Adopt:
        self._shared.settings = settings
        return Adopt(settings)
