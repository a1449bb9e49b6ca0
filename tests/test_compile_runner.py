"""A runner's clock: what a chunk's time went into, and the build that goes on."""

import time
from types import SimpleNamespace

from compile.runner import Runner, spent
from model.progress import STEPS, Reading
from model.world import PARTS


class Sleeper:
    """An engine whose graphs take as long as they are told."""

    SECONDS = {"denoise": 0.02, "commit": 0.01, "decode_first": 0.015}

    def run(self, graph, seen=()):
        time.sleep(self.SECONDS.get(graph, 0.005))


def runner():
    return Runner(None, None, Sleeper(), "sleep")


def test_graphs_are_summed_by_part_until_the_next_chunk():
    network, decoder = runner(), runner()
    assert spent(network, decoder) == dict.fromkeys(PARTS, 0.0)
    network.settle()
    for graph in ("warp", "denoise", "denoise", "commit"):
        network.run(graph)
    decoder.run("decode_first")
    told = spent(network, decoder)
    least = {"denoise": 40.0, "commit": 10.0, "decode": 15.0, "other": 5.0}
    assert all(told[part] >= ms for part, ms in least.items()) and sum(told.values()) < 1000
    network.settle()
    assert spent(network) == dict.fromkeys(PARTS, 0.0) and spent(decoder)["decode"] >= 15.0


def test_the_build_that_goes_on_is_told_in_words():
    one = runner()
    assert one.building == "" and one.reading() == Reading()
    reading = Reading("compiling", "openvino bf16", 1, 4, STEPS)
    one.upgrade = SimpleNamespace(reading=lambda: reading)
    assert one.reading() is reading
    assert one.building.startswith("openvino bf16: compiling") and "2 of 4" in one.building
