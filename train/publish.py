"""Turns trained weights into a world that plays: safetensors parts, ONNX graphs that refer to them, start pictures,
YAML.

python -m train.publish --run runs/cloister --world cloister
"""

from __future__ import annotations

import argparse
import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
import yaml
from safetensors.torch import save_file

from compile.export import export
from input.camera import yaw_pitch
from input.document import read_values
from model.dream.config import DreamConfig
from model.dream.graphs import VARIANTS, dream_contract
from model.dream.modules import load_modules, modules_of, variants_of
from model.dream.network import DreamNet
from model.registry import WORLDS
from model.settings import read_settings, write_settings
from model.worldfile import read_world_file
from train import checkpoint

TITLE = "Cloister"
SUMMARY = "walled courts, gates, trees and crates, by day, at dusk and by night; dreamt on the CPU"


def publish(net: DreamNet, folder: Path, title: str, summary: str, starts: np.ndarray) -> None:
    """Write a complete world. starts: uint8 RGB [M, H, W, 3], the pictures that a walk may begin from."""
    folder.mkdir(parents=True, exist_ok=True)
    for stale in [*folder.glob("weights-*.safetensors"), *folder.glob("*.onnx")]:
        stale.unlink()
    parts = []
    for number, part in enumerate(checkpoint.split(dict(net.named_parameters()))):
        parts.append(folder / f"weights-{number}.safetensors")
        save_file(part, parts[-1])
    graphs = export_all(net.config, modules_of(net), folder, parts)
    np.savez_compressed(folder / "starts.npz", rgb=starts)
    files = [*parts, *graphs, folder / "starts.npz"]
    described = {
        "title": title,
        "summary": summary,
        "config": write_settings(net.config),
        "starts": "starts.npz",
        "files": {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files},
    }
    (folder / "world.yaml").write_text(yaml.safe_dump(described, sort_keys=False))


def export_all(config: DreamConfig, modules: dict, folder: Path, parts: list[Path]) -> list[Path]:
    """Every graph of a world, and those that some engines have in their place; returns the files."""
    contract = dream_contract(folder.name, "", config, folder, {})
    paths = export(contract, modules, folder, parts=parts, bundled=True)
    variants = {file: contract.graphs[name] for files in VARIANTS.values() for name, file in files.items()}
    paths |= export(replace(contract, graphs=variants), variants_of(config), folder, parts=parts, bundled=True)
    return list(paths.values())


def export_again(folder: Path) -> None:
    """Write the graphs of a world that is there anew, from its weights: after a change of what is exported."""
    described = read_world_file(folder)
    config = read_settings(DreamConfig, described.config, str(folder / "world.yaml"))
    parts = sorted(folder.glob("weights-*.safetensors"))
    graphs = export_all(config, load_modules(config, parts), folder, parts)
    values = read_values((folder / "world.yaml").read_bytes())
    values["files"] |= {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in graphs}
    (folder / "world.yaml").write_text(yaml.safe_dump(values, sort_keys=False))


def averaged_net(run: Path) -> tuple[DreamNet, dict]:
    """The moving average of a training run, as a network, and the run's facts."""
    tensors, facts = checkpoint.load(run / "checkpoint")
    net = DreamNet(read_settings(DreamConfig, facts["config"], str(run)))
    own = {name.removeprefix("ema."): tensor for name, tensor in tensors.items() if name.startswith("ema.")}
    net.load_state_dict(own, strict=True)
    return net.eval(), facts


def start_pictures(config: DreamConfig, count: int = 16) -> np.ndarray:
    """Views of held-out places, uint8 [count, H, W, 3]: level, with room ahead, each of another map, nights rare."""
    from train.clips import CLIPS_PER_MAP, HELD_OUT, make_clip

    chosen: list[np.ndarray] = []
    seed, nights = HELD_OUT + 50_000, 0
    while len(chosen) < count:
        clip = make_clip(seed, frames=1, size=(config.width, config.height))
        seed += CLIPS_PER_MAP
        level = abs(yaw_pitch(clip.c2w[0])[1]) < np.radians(3)
        # The rows about the horizon tell what stands around: metres at its tenth part and across the middle.
        horizon = clip.depth[0, config.height // 2].astype(np.float32)
        ahead = horizon[config.width // 3 : 2 * config.width // 3]
        night = clip.mood == "night"
        if level and np.quantile(horizon, 0.1) > 1.2 and ahead.min() > 4 and not (night and nights):
            chosen.append(clip.rgb[0])
            nights += night
    return np.stack(chosen)


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m train.publish", description=__doc__.split("\n")[0])
    parser.add_argument("--run", type=Path, default=Path("runs/cloister"), help="folder of the training run")
    parser.add_argument("--world", default="cloister", help="name of the folder under assets/worlds")
    parser.add_argument("--graphs", action="store_true", help="only export that world's graphs anew")
    options = parser.parse_args(argv)
    if options.graphs:
        return export_again(WORLDS / options.world)
    net, facts = averaged_net(options.run)
    publish(net, WORLDS / options.world, TITLE, SUMMARY, start_pictures(net.config))
    size = sum(path.stat().st_size for path in (WORLDS / options.world).iterdir())
    print(f"{options.world}: step {facts['step']}, {size / 1e6:.1f} MB in {WORLDS / options.world}")


if __name__ == "__main__":
    torch.set_grad_enabled(False)
    main()
