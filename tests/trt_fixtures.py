"""What tests of TensorRT share: tiny worlds with heads that it takes, exported, and as jobs. Needs torch."""

from __future__ import annotations

from dataclasses import replace

from dream_fixtures import TINY, tiny_net
from matrix_fixtures import tiny_config
from test_compile_engines import VARIANTS

from bench.synthetic import randomised
from compile.plan import Job, Place
from model.checkpoint import on_meta
from model.decode_graphs import decode_contract
from model.dream.graphs import dream_graphs
from model.dream.modules import modules_of
from model.graph import Contract
from model.matrix_game.assemble import latent_shape
from model.matrix_game.graphs import make_rings, network_contract
from model.matrix_game.network import MatrixGameNet
from model.picture_config import VaeConfig
from model.placement import place
from model.wan_vae import VaeDecoder
from model.world import LoadOptions

HEAD = 32  # TensorRT has attention for heads of multiples of 8: the official ones have 64 and 128


def sized(**changes):
    """A tiny configuration whose heads are of a size that TensorRT takes."""
    config = tiny_config(**changes)
    actions = replace(config.network.actions, mouse_width=2 * HEAD, keyboard_width=2 * HEAD)
    network = replace(config.network, dim=2 * HEAD, layers=1, actions=actions)
    return replace(config, network=network, vae=VaeConfig(width=4, blocks=1))


def dream() -> Contract:
    """Without `commit`, which is `denoise` without its end."""
    config = replace(TINY, layers=1)
    graphs = {name: graph for name, graph in dream_graphs(config).items() if name != "commit"}
    return Contract("dream", "", graphs, lambda: modules_of(tiny_net(config)))


def network(variant: str) -> Contract:
    """Without `commit`, which is within `denoise`."""
    config, here = sized(**VARIANTS[variant]), place(LoadOptions(device="cpu", attention="sdpa", threads=1))
    rings = make_rings(config, "meta", here.dtype)
    whole = network_contract(
        variant, "", config, lambda: randomised(on_meta(MatrixGameNet, config.network), here, 0), rings, here.attend
    )
    return replace(whole, graphs={name: graph for name, graph in whole.graphs.items() if not graph.within})


def decoder() -> Contract:
    config, here = sized(), place(LoadOptions(device="cpu", threads=1))
    sketch = on_meta(VaeDecoder, config.vae)
    return decode_contract("decoder", "", lambda: randomised(sketch, here, 1), sketch, latent_shape(config))


def job_of(contract: Contract, folder, precision: str, **facts) -> Job:
    folder.mkdir(exist_ok=True)
    return Job(contract, "trt", precision, Place("cuda"), folder, shared={"modules": contract.modules}, **facts)


def exported_graphs(make_folder) -> dict:
    """The universal world's graphs in float32, but for `commit`, by name; make_folder gives folders of their own."""
    paths = {}
    for contract in (network("universal"), decoder()):
        paths |= job_of(contract, make_folder("exported"), "fp32").exported()
    return paths
