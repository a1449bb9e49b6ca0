"""Who leads the walk in a kiosk: the walker, recorded sessions one after the other, or the person."""

import json
import time

import numpy as np
import pytest
from fake_world import FakeWorld

from input.controls import Controls
from input.events import Press
from runtime.attract import KioskDriver
from runtime.driver import Live
from runtime.errors import UserError
from runtime.generator import Generator
from runtime.kiosk import Kiosk
from runtime.kiosk_config import KioskConfig
from runtime.messages import Bystander
from runtime.session_log import SessionLog


class Seen(Bystander):
    """What the world was asked to do, in order."""

    def __init__(self):
        self.deeds = []

    def begun(self, reset):
        self.deeds.append(reset.seed)

    def dreamt(self, chunk):
        self.deeds.append(np.array(chunk.controls))


@pytest.fixture
def exhibit():
    """Makes (kiosk, driver, generator, controls, what was done), and ends them."""
    made = []

    def build(world=None, **config):
        seen, controls = Seen(), Controls()
        kiosk = Kiosk(KioskConfig(**config), seed=3)
        driver = KioskDriver(kiosk, Live(controls, 0))
        generator = Generator(lambda: world or FakeWorld(), witnesses=[seen])
        made.append(generator)
        generator.start()
        wait(lambda: generator.info)
        return kiosk, driver, generator, controls, seen.deeds

    yield build
    assert all(generator.close() for generator in made)


def wait(condition, seconds=5.0):
    end = time.perf_counter() + seconds
    while not condition():
        assert time.perf_counter() < end, "timed out"
        time.sleep(0.001)


def lead(driver, generator, chunks):
    """So many chunks, as the loop asks for them."""
    for _ in range(chunks):
        wait(lambda: generator.idle)
        while generator.take() is not None:
            pass
        assert driver.submit(generator, 0.0)
    wait(lambda: generator.idle)


def session(folder, name, seeds):
    """A recorded session: per seed two chunks of walking forward, each a bit faster."""
    log = SessionLog(folder / f"{name}.session.jsonl")
    generator = Generator(FakeWorld, witnesses=[log])
    generator.start()
    wait(lambda: generator.info)
    for seed in seeds:
        generator.begin(seed)
        for number in range(2):
            generator.step(np.full((4, 4), 0.01 * (number + seed), np.float32), 0.0)
            wait(lambda: generator.idle)
            while generator.take() is not None:
                pass
    assert generator.close()
    log.close()
    return folder / f"{name}.session.jsonl"


def seeds(deeds):
    return [deed for deed in deeds if isinstance(deed, int)]


def test_the_walker_walks_and_begins_afresh(exhibit):
    _, driver, generator, _, deeds = exhibit(attract_s=0.9)
    driver.begin(generator)
    lead(driver, generator, 13)
    rows = [deed for deed in deeds if not isinstance(deed, int)]
    assert len(seeds(deeds)) == 3 == len(set(seeds(deeds)))
    assert all(row.shape == (4, 4) for row in rows) and rows[1][:, 1].min() > 0


def test_a_touch_hands_the_walk_over_and_idling_takes_it_back(exhibit):
    kiosk, driver, generator, controls, deeds = exhibit(idle_s=5.0, seed="12")
    driver.begin(generator)
    lead(driver, generator, 2)
    assert kiosk.turn([Press("back", "s")], 1.0).handed
    driver.begin(generator)
    controls.down("back", 1.0, "s")
    lead(driver, generator, 3)
    assert deeds[-1][:, 1].max() < 0, "the person does not lead"
    kiosk.turn([], 200.0)
    assert kiosk.attracting
    driver.begin(generator)
    lead(driver, generator, 2)
    assert deeds[-1][:, 1].min() > 0 and seeds(deeds) == [12, 12, 12]


def test_sessions_are_shown_one_after_the_other_and_again(exhibit, tmp_path):
    logs = [session(tmp_path, "a", [1]), session(tmp_path, "b", [2, 3])]
    _, driver, generator, _, deeds = exhibit(attract=tuple(map(str, logs)))
    driver.begin(generator)
    lead(driver, generator, 12)
    assert seeds(deeds)[:5] == [1, 2, 3, 1, 2]
    assert [float(deed[0, 1]) for deed in deeds[:9] if not isinstance(deed, int)] == pytest.approx(
        [0.01, 0.02, 0.02, 0.03, 0.03, 0.04]
    )


def test_a_touch_ends_a_show_and_the_next_one_follows(exhibit, tmp_path):
    logs = [session(tmp_path, "a", [1]), session(tmp_path, "b", [2])]
    kiosk, driver, generator, _, deeds = exhibit(attract=tuple(map(str, logs)), seed="9", idle_s=5.0)
    driver.begin(generator)
    lead(driver, generator, 1)
    for events, now in (([Press("forward", "w")], 1.0), ([], 300.0)):
        kiosk.turn(events, now)
        driver.begin(generator)
        lead(driver, generator, 1)
    assert seeds(deeds) == [1, 9, 2]


def test_sessions_that_cannot_be_shown_are_refused_by_name(exhibit, tmp_path):
    log = session(tmp_path, "a", [1])
    other = FakeWorld(weights="1" * 64)
    _, driver, generator, _, _ = exhibit(other, attract=(str(log),))
    with pytest.raises(UserError, match="other weights"):
        driver.begin(generator)
    header, *_ = log.read_text().splitlines()
    log.write_text(header + "\n")
    with pytest.raises(UserError, match="a.session.jsonl.*take it out"):
        exhibit(attract=(str(log),))
    log.write_text(json.dumps({"format": "else"}) + "\n")
    with pytest.raises(UserError, match="a.session.jsonl"):
        exhibit(attract=(str(log),))
