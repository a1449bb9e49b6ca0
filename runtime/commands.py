"""Commands: what each key's command, and each order of a pane, does to a walk. Functions over a player; what it is at,
and which pane is open, is the player's affair (runtime/player.py).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from runtime import orders
from runtime.library import forget_slot
from runtime.shelf import RELOADED
from runtime.strings import text, use

if TYPE_CHECKING:
    from runtime.player import Player

# Commands that mean the place that is shown, or hide it: who goes back arrives first.
ARRIVE = ("menu", "prompt", "save", "load")


def command(player: Player, name: str, now: float) -> None:
    """A command that acts once per press; those that need a picture wait for none."""
    h = player.hands
    if name in ARRIVE:
        player.let_go(now)
    match name:
        case "quit":
            player.leaving = orders.Leave()
        case "menu" if player.last is None:  # there is nothing but a wait, which can be given up
            player.leaving = orders.Home()
        case "hud":
            h.looks.next_hud()
        case "help" if player.last:
            h.looks.toggle_help()
        case "fullscreen":
            change(player, fullscreen=not h.preferences.now.fullscreen)
        case "toggle_mouse":
            player.toggle_mouse()
        case "screenshot" if player.last:
            picture = player.picture(now)
            h.screenshots.take(picture, h.screen.size_of(picture), h.recording.facts())
        case "record" if player.last:
            player.say(h.recording.toggle())
        case "save" if player.last:
            h.saving.save()
        case "load" if player.last and h.driver.interactive:
            h.saving.load()
        case "rewind" if player.last and h.driver.interactive:
            h.saving.go_back((player.last.chunk, player.last.index), now)
        case "prompt" if player.last and not h.generator.info.takes_text:
            player.say(text("prompt.no_text", world=h.generator.info.title))
        case "prompt" if not h.driver.interactive:
            pass  # what was walked then has its own words
        case "reset" | "new_seed" if player.last and h.driver.interactive:
            begin(player, h.generator.seed + (name == "new_seed"))
        case _ if name in h.panes and player.last:
            player.open(h.panes[name](player))


def obey(player: Player, order: object, now: float) -> None:
    """Carry out an order of a pane."""
    h = player.hands
    match order:
        case orders.Close():
            player.close()
        case orders.Command(name):
            if name == "help":
                player.close()
            command(player, name, now)
            if name == "record":
                note_recording(player)
        case orders.Say(words):
            player.say(words)
        case orders.Prompt(words):
            player.close()
            player.history.append(words)
            h.generator.reword(words)
            h.looks.show_prompt(words)
        case orders.Begin() | orders.Load() if not h.driver.interactive:
            player.say(text("session.watched"))
        case orders.Begin(seed, image):
            lead_elsewhere(player, order)
            player.close()
            if image is not None:
                h.generator.image = image
            begin(player, h.generator.seed if seed is None else seed)
        case orders.Adopt(settings, passing):
            h.preferences.adopt(settings, passing)
            apply(player)
        case orders.Rebind(keymap):
            player.keymap = keymap
            h.preferences.rebind(keymap, player.base)
            h.screen.use(keymap)
        case orders.Save(name):
            h.saving.save(name)
        case orders.Delete(name):
            player.say(forget_slot(name))
        case orders.Load(name):
            lead_elsewhere(player, order)
            player.close()
            h.saving.load(name)
        case orders.Leave() | orders.Home() | orders.Choice():
            player.leaving = order


def begin(player: Player, seed: int) -> None:
    """Begin again with `seed`."""
    player.hands.generator.begin(seed)
    player.anew()


def engine_asked(player: Player) -> tuple[str, str]:
    """The engine and the precision that settings ask for now."""
    now = player.hands.preferences.now
    return now.engine, now.precision


def reload_if_asked(player: Player) -> None:
    """Another engine was chosen in the menu that closes: the world is loaded again, where it is now."""
    if engine_asked(player) != player.engine and player.hands.driver.interactive and player.last is not None:
        player.engine = engine_asked(player)
        player.hands.saving.save(RELOADED)


def lead_elsewhere(player: Player, order: orders.Begin | orders.Load) -> None:
    """Where another engine was chosen too, the world is loaded on it for what was asked for, not for where it is."""
    if engine_asked(player) == player.engine:
        return
    player.engine, world = engine_asked(player), player.hands.world
    if isinstance(order, orders.Load):
        player.leaving = orders.Choice(world, slot=order.name)
    else:
        seed = player.hands.generator.seed if order.seed is None else order.seed
        player.leaving = orders.Choice(world, seed, order.image or player.hands.generator.image)


def note_recording(player: Player) -> None:
    """Let menus know what became of a recording that they asked for."""
    for pane in player.panes:
        if hasattr(pane, "note_recording"):
            pane.note_recording(player.hands.recording.on)


def reloaded(player: Player) -> None:
    """Leave for the world as it was saved for another engine, once it is."""
    if player.hands.saving.wrote(RELOADED):
        player.leaving = orders.Choice(world=player.hands.world, image=player.hands.generator.image, slot=RELOADED)


def change(player: Player, **changes: object) -> None:
    """Set settings, as by orders.Adopt."""
    player.hands.preferences.change(**changes)
    apply(player)


def apply(player: Player) -> None:
    """Let every part have the settings as they are now."""
    h, settings = player.hands, player.hands.preferences.now
    use(settings.language)
    h.screen.fill(settings.fullscreen)
    h.controls.feel = h.preferences.feel()
    h.looks.adopt(settings)
    h.governor.mode = settings.latency
    h.saving.adopt(settings)
