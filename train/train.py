"""The training loop: resumable at any moment, the same command on a CPU and on CUDA, in slices of any length.

    python -m train.train --run runs/cloister --data data/train --stage a --minutes 30
    python -m train.train --run runs/cloister --data data/train --stage b --minutes 30 --cooldown

Kill it whenever you like: it goes on from the last checkpoint. `log.jsonl` has a row per report (plot it with
anything).
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file

from model.dream.config import DreamConfig
from model.dream.network import DreamNet
from model.settings import read_settings, write_settings
from runtime.errors import UserError
from train import checkpoint
from train.clipset import ClipSet
from train.objective import Weights, flow_matching
from train.rollout import Critic, self_rollout
from train.validate import averaged, held_out_batch, validate


@dataclass(frozen=True)
class Recipe:
    """Everything of a run that is not the network's size."""

    batch: int = 16
    rate: float = 8e-4
    warmup: int = 100
    decay: float = 0.01
    ema: float = 0.99
    clip: float = 1.0
    report_every: int = 20
    save_minutes: float = 5.0


class Trainer:
    """Network, moving average, optimiser and step count, as one thing that is saved and restored."""

    def __init__(
        self, config: DreamConfig, recipe: Recipe, run: Path, device: str, compiled: bool, start: Path | None = None
    ) -> None:
        """Goes on from the checkpoint in `run`; a new run begins from the world in folder `start`, or from nothing."""
        self.recipe, self.run, self.device = recipe, run, torch.device(device)
        torch.manual_seed(0)
        self.net = DreamNet(config).to(self.device)
        self.ema = {name: tensor.detach().clone() for name, tensor in self.net.named_parameters()}
        self.optimizer = torch.optim.AdamW(
            self.net.parameters(), recipe.rate, betas=(0.9, 0.98), weight_decay=recipe.decay, fused=True
        )
        self.critic = Critic(config).to(self.device)
        self.critic_optimizer = torch.optim.AdamW(self.critic.parameters(), 6e-4, betas=(0.5, 0.98), fused=True)
        self.step, self.seconds = 0, 0.0
        if checkpoint.exists(run / "checkpoint"):
            self.restore()
        elif start:
            self.start_from(start)
        if compiled:
            torch._dynamo.config.recompile_limit = 64  # one graph per layer and kind of context
            for block in [*self.net.blocks, *self.net.stem, *self.net.head]:
                block.compile()

    def _models(self):
        return (("net", self.net, self.optimizer), ("critic", self.critic, self.critic_optimizer))

    def save(self) -> None:
        tensors = {f"ema.{name}": tensor for name, tensor in self.ema.items()}
        for prefix, model, optimizer in self._models():
            # The state dict, not the parameters alone: spectral norms carry vectors from step to step.
            tensors |= {f"{prefix}.{name}": tensor for name, tensor in model.state_dict().items()}
            for name, parameter in model.named_parameters():
                for key, value in optimizer.state[parameter].items():
                    tensors[f"{prefix}.{key}.{name}"] = value
        facts = {"step": self.step, "seconds": self.seconds, "config": write_settings(self.net.config)}
        checkpoint.save(self.run / "checkpoint", tensors, facts)

    def log(self, row: dict) -> None:
        """Append a row to the run's log.jsonl, and print it."""
        with open(self.run / "log.jsonl", "a") as log:
            log.write(json.dumps(row) + "\n")
        print(json.dumps(row), flush=True)

    def validate(self) -> None:
        """Log how well the moving average does on held-out places."""
        batch = held_out_batch(self.net.config, self.recipe.batch).to(self.device)
        with averaged(self.net, self.ema), torch.autocast(self.device.type, torch.bfloat16):
            self.log({"step": self.step} | validate(self.net, batch))

    def start_from(self, world: Path) -> None:
        """Begin with the weights of a published world; the optimiser and the step count begin afresh."""
        tensors = {}
        for part in sorted(world.glob("weights-*.safetensors")):
            tensors |= load_file(part)
        self.net.load_state_dict(tensors, strict=True)
        for name, parameter in self.net.named_parameters():
            self.ema[name].copy_(parameter.data)

    def restore(self) -> None:
        tensors, facts = checkpoint.load(self.run / "checkpoint")
        if facts["config"] != write_settings(self.net.config):
            raise UserError("the run was started with another configuration", str(self.run), "use another --run folder")
        self.step, self.seconds = facts["step"], facts["seconds"]
        for name, average in self.ema.items():
            average.copy_(tensors[f"ema.{name}"])
        for prefix, model, optimizer in self._models():
            model.load_state_dict({name: tensors[f"{prefix}.{name}"] for name in model.state_dict()}, strict=True)
            for name, parameter in model.named_parameters():
                state = {key: tensors.get(f"{prefix}.{key}.{name}") for key in ("step", "exp_avg", "exp_avg_sq")}
                if state["step"] is not None:  # an optimiser that has not run yet has no state
                    optimizer.state[parameter] = {key: value.to(self.device) for key, value in state.items()}

    def update(self, batch, objective, rate: float) -> dict[str, float]:
        """One optimiser step; `objective` runs forward and backward and returns figures to log."""
        for group in self.optimizer.param_groups:
            group["lr"] = rate * min(1.0, (self.step + 1) / self.recipe.warmup)
        figures = objective(self, batch, torch.Generator(self.device).manual_seed(self.step))
        norm = torch.nn.utils.clip_grad_norm_(self.net.parameters(), self.recipe.clip)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        decay = min(self.recipe.ema, (1 + self.step) / (10 + self.step))
        with torch.no_grad():
            average = list(self.ema.values())
            torch._foreach_lerp_(average, list(self.net.parameters()), 1 - decay)
        self.step += 1
        return figures | {"norm": float(norm)}


def stage_a(trainer: Trainer, batch, generator: torch.Generator) -> dict[str, float]:
    with torch.autocast(trainer.device.type, torch.bfloat16):
        loss = flow_matching(trainer.net, batch, generator, Weights())
    loss.backward()
    return {"loss": float(loss.detach())}


def stage_b(trainer: Trainer, batch, generator: torch.Generator) -> dict[str, float]:
    return self_rollout(trainer.net, trainer.critic, trainer.critic_optimizer, batch, generator, Weights())


def train(trainer: Trainer, clips: ClipSet, stage: str, minutes: float, rate: float, cooldown: bool) -> None:
    """Run updates for `minutes` or until asked to stop; log to log.jsonl; save at the end and every few minutes."""
    objective = {"a": stage_a, "b": stage_b}[stage]
    started = saved = reported = time.monotonic()
    since, totals = 0, {}
    asked: list[int] = []
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda signum, _frame: asked.append(signum))
    while (elapsed := time.monotonic() - started) < minutes * 60 and not asked:
        batch = clips.batch(trainer.step, trainer.recipe.batch).to(trainer.device)
        factor = max(0.02, 1 - elapsed / (minutes * 60)) if cooldown else 1.0
        for name, value in trainer.update(batch, objective, rate * factor).items():
            totals[name] = totals.get(name, 0.0) + value
        since += 1
        now = time.monotonic()
        if since == trainer.recipe.report_every:
            trainer.seconds += now - reported
            row = {"step": trainer.step, "stage": stage, "hours": round(trainer.seconds / 3600, 3)}
            row |= {name: round(value / since, 5) for name, value in totals.items()}
            row |= {"seconds_per_step": round((now - reported) / since, 3), "rate": round(rate * factor, 6)}
            trainer.log(row)
            since, totals, reported = 0, {}, now
        if now - saved > trainer.recipe.save_minutes * 60:
            trainer.save()
            trainer.validate()
            saved = time.monotonic()
    trainer.save()


def parse(argv: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m train.train", description=__doc__.split("\n")[0])
    parser.add_argument("--run", type=Path, default=Path("runs/cloister"), help="folder of the checkpoint and the log")
    parser.add_argument("--data", type=Path, default=Path("data/train"), help="folder of clip shards (train.clips)")
    parser.add_argument("--init", type=Path, help="folder of a published world that a new run begins from")
    parser.add_argument("--stage", choices=("a", "b"), default="a", help="a: flow matching, b: few-step roll-outs")
    parser.add_argument("--minutes", type=float, default=8.0, help="how long this slice lasts")
    parser.add_argument("--batch", type=int, default=Recipe.batch, help="clips per update")
    parser.add_argument("--rate", type=float, default=Recipe.rate, help="learning rate")
    parser.add_argument("--cooldown", action="store_true", help="let the rate fall to nearly 0 over this slice")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--compile", action="store_true", help="torch.compile per block (needs a C++ compiler)")
    parser.add_argument("--config", type=json.loads, default={}, help="JSON of DreamConfig values that differ")
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> None:
    options = parse(argv)
    os.makedirs(options.run, exist_ok=True)
    config = read_settings(DreamConfig, options.config, "--config")
    recipe = Recipe(batch=options.batch, rate=options.rate)
    trainer = Trainer(config, recipe, options.run, options.device, options.compile, options.init)
    clips = ClipSet(options.data, config)
    print(f"{len(clips)} clips, step {trainer.step}, device {options.device}", flush=True)
    train(trainer, clips, options.stage, options.minutes, options.rate, options.cooldown)


if __name__ == "__main__":
    main()
