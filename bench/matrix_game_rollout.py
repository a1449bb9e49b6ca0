"""A recorded roll-out of Matrix-Game 2.0 through our network, with all that was recorded of it put aside by name."""

from __future__ import annotations

import re
from contextlib import ExitStack, contextmanager

import torch

from bench.parity import Fixture, module
from model.matrix_game.actions import ActionWindows
from model.matrix_game.config import ROWS_PER_LATENT, ActionConfig, NetworkConfig
from model.matrix_game.controls import ActionRing
from model.matrix_game.network import UNUSED, MatrixGameNet
from model.plan import few_step, sigma_table, timestep_table, warped
from model.sampler import clean, sample
from model.wan import Pass


def network_config(notes: dict) -> NetworkConfig:
    official, rollout = notes["model_config"], notes["rollout"]
    action = official["action_config"]
    chunk = rollout["num_frame_per_block"]
    local = rollout.get("local_attn_size", official["local_attn_size"])
    window = local if local > 0 else chunk * rollout["num_blocks"]
    actions = ActionConfig(
        layers=tuple(action["blocks"]),
        heads=action["heads_num"],
        mouse_dim=action["mouse_dim_in"] if action["enable_mouse"] else 0,
        mouse_width=action.get("mouse_hidden_dim", 0),
        keyboard_dim=action["keyboard_dim_in"],
        keyboard_width=action["keyboard_hidden_dim"],
        keyboard_embedding=action["hidden_size"],
        window=action["windows_size"],
        rotary=action["rope_dim_list"][0],
        theta=float(action["rope_theta"]),
    )
    return NetworkConfig(
        dim=official["dim"],
        layers=official["num_layers"],
        heads=official["num_heads"],
        ffn_dim=official["ffn_dim"],
        timestep_width=official["freq_dim"],
        in_channels=official["in_dim"],
        out_channels=official["out_dim"],
        context_dim=notes.get("overrides", {}).get("img_emb_in_dim", 1280),
        eps=official["eps"],
        chunk=chunk,
        window=window,
        # A sink that leaves no room for a chunk is taken to give way to it; the specification does not say.
        sink=min(official.get("sink_size", 0), window - chunk),
        actions=actions,
    )


class Rollout:
    """The official sampler's loop over a recording's noise, with everything that was recorded put aside."""

    def __init__(self, fixture: Fixture) -> None:
        notes, inputs, device, dtype = fixture.notes, fixture.inputs, fixture.device, fixture.dtype
        self.fixture, self.config = fixture, network_config(notes)
        self.net = module(MatrixGameNet, self.config, fixture, unused=UNUSED)
        self.noise = inputs["noise"][0].transpose(0, 1).to(dtype)  # [T, 16, h, w]
        self.condition = inputs["cond_concat"][0].transpose(0, 1).to(dtype)
        h, w = self.noise.shape[-2:]
        self.rings = self.net.rings((h // 2, w // 2), device, dtype)
        context = self.net.condition(inputs["visual_context"][0].to(dtype))
        self.run = Pass(self.rings, context)
        rollout = notes["rollout"]
        raw, shift = rollout["denoising_step_list_raw"], rollout["timestep_shift"]
        timesteps = warped(raw, shift) if rollout["warp_denoising_step"] else tuple(map(float, raw))
        self.plan = few_step(timesteps, shift, float(rollout["context_noise"]))
        self.outputs: dict[str, torch.Tensor] = {
            "denoising_step_list": torch.tensor(timesteps),
            "sigmas": torch.from_numpy(sigma_table(shift)),
            "timesteps": torch.from_numpy(timestep_table(shift)),
        }
        self.debug = debug_passes(fixture)
        chunk, actions = self.config.chunk, self.config.actions
        self.keyboard = ActionRing(actions.keyboard_dim, actions.window, chunk)
        self.mouse = ActionRing(actions.mouse_dim, actions.window, chunk) if actions.mouse_dim else None

    def chunk_rows(self, block: int) -> slice:
        """The rows of actions, one per video frame, that a block owns."""
        chunk = self.config.chunk
        first = ROWS_PER_LATENT * chunk * block
        return slice(max(0, first - ROWS_PER_LATENT + 1), first + ROWS_PER_LATENT * (chunk - 1) + 1)

    def windows(self, block: int) -> ActionWindows:
        inputs, rows, first = self.fixture.inputs, self.chunk_rows(block), block * self.config.chunk
        made = {}
        for name, ring in (("keyboard", self.keyboard), ("mouse", self.mouse)):
            if ring is None:
                continue
            ring.push(inputs[f"{name}_cond"][0, rows].cpu().numpy())
            seen = torch.from_numpy(ring.windows(first, self.config.chunk))
            made[name] = seen.to(self.fixture.device, self.fixture.dtype)
        return ActionWindows(made["keyboard"], made["mouse"].flatten(1) if "mouse" in made else None)

    def play(self) -> dict[str, torch.Tensor]:
        latents = []
        for block in range(self.fixture.notes["rollout"]["num_blocks"]):
            latents.append(self.block(block))
            self.record_caches(block)
        self.outputs["latents"] = as_clip(torch.cat(latents))
        return self.outputs

    def block(self, block: int) -> torch.Tensor:
        chunk = self.config.chunk
        frames = slice(block * chunk, (block + 1) * chunk)
        condition, self.run.actions = self.condition[frames], self.windows(block)
        self.rings.stage(chunk)
        step_number = 0

        def predict(x, step, row):
            nonlocal step_number
            tag = f"block{block}.step{step_number}"
            flow = self.forward(tag, x, condition, step.timestep)
            estimate = clean(x, flow, step.sigma)
            self.outputs[f"{tag}.x0"] = as_clip(estimate)
            step_number += 1
            return estimate

        # A sampler of one step draws no further noise.
        renoise = self.fixture.inputs.get("renoise")
        noises = iter(() if renoise is None else renoise[block].to(self.noise.dtype))
        x0 = sample(self.plan, predict, self.noise[frames], lambda: next(noises))
        self.forward(f"block{block}.context", x0, condition, self.plan.commit_timestep)
        self.rings.commit()
        return x0

    def forward(self, tag: str, x: torch.Tensor, condition: torch.Tensor, timestep: float) -> torch.Tensor:
        timesteps = torch.full((len(x),), timestep, device=x.device)
        with ExitStack() as stack:
            for name in self.debug.get(tag, ()):
                stack.enter_context(recorded(self, name, self.outputs))
            flow = self.net(x, condition, timesteps, self.run)
        self.outputs |= {f"{tag}.x_in": as_clip(x), f"{tag}.t": timesteps[None], f"{tag}.flow": as_clip(flow)}
        return flow

    def record_caches(self, block: int) -> None:
        for name in self.rings.names:
            ring = self.rings[name]
            window = ring.shape.window
            order = torch.tensor([window.slot_of(frame) for frame in window.seen(self.rings.committed)])
            for index, layer in enumerate(ring.shape.layers):
                for letter, buffer in zip("kv", ring.buffer[:, index], strict=True):
                    by_slot = buffer.unflatten(2, (-1, ring.shape.tokens))[:, :, order.to(buffer.device)]
                    content = by_slot.flatten(2, 3).transpose(1, 2)
                    self.outputs[f"block{block}.cache.{name}.layer{layer}.{letter}"] = content


def as_clip(latents: torch.Tensor) -> torch.Tensor:
    """[frames, C, h, w] as official tensors are laid out, [1, C, frames, h, w]; a copy."""
    return latents.transpose(0, 1)[None].clone()


def debug_passes(fixture: Fixture) -> dict[str, list[str]]:
    """Which forwards' activations were recorded: by the forward's tag, the names that they were recorded under.

    Told by what was recorded, not by the notes' prose: the head's values are those of that forward's flow.
    """
    found: dict[str, list[str]] = {}
    flows = {name.removesuffix(".flow"): y for name, y in fixture.outputs.items() if name.endswith(".flow")}
    values = {tag: y.flatten().sort().values for tag, y in flows.items()}
    for name, y in fixture.outputs.items():
        debug = re.fullmatch(r"debug\.(\w+)\.head", name)
        for tag, flow in values.items() if debug else ():
            if torch.equal(y.flatten().sort().values, flow):
                found.setdefault(tag, []).append(debug[1])
    return found


def flat(y: torch.Tensor) -> torch.Tensor:
    """[frames, tokens, C] to [1, all tokens, C]."""
    return y.flatten(0, 1)[None]


@contextmanager
def recorded(rollout: Rollout, tag: str, outputs: dict[str, torch.Tensor]):
    """Within it, modules put the activations that a fixture records into `outputs`, laid out as there."""
    net, stack = rollout.net, ExitStack()
    h, w = rollout.noise.shape[-2:]
    layers = {
        "patch_embedding": (net.patch_embedding, lambda y: y.permute(2, 0, 1).unflatten(2, (h // 2, w // 2))[None]),
        "time_embedding": (net.time_embedding, lambda y: y),
        "time_projection": (net.time_projection, lambda y: y),
        "head": (net.head, lambda y: y[None]),
    }
    for index, block in enumerate(net.blocks):
        layers |= {
            f"layer{index}.self_attn": (block.self_attn, flat),
            f"layer{index}.cross_attn": (block.cross_attn, flat),
            f"layer{index}.out": (block, flat),
        }
        action = block.action_model
        if action is not None:
            layers |= {
                f"layer{index}.action": (action, flat),
                f"layer{index}.keyboard_kv": (action.keyboard_attn_kv, lambda y: y[None]),
                f"layer{index}.proj_keyboard": (action.proj_keyboard, flat),
            }
        if action is not None and action.has_mouse:
            layers[f"layer{index}.mouse_mlp"] = (action.mouse_mlp, lambda y: y.transpose(0, 1))
            layers[f"layer{index}.proj_mouse"] = (action.proj_mouse, flat)
    for name, (layer, laid_out) in layers.items():
        key = f"debug.{tag}.{name}"
        hook = layer.register_forward_hook(
            lambda _layer, _inputs, y, key=key, laid_out=laid_out: outputs.__setitem__(key, laid_out(y).clone())
        )
        stack.callback(hook.remove)
    visual = rollout.fixture.inputs["visual_context"].to(rollout.noise.dtype)
    outputs[f"debug.{tag}.img_emb"] = net.img_emb(visual)
    with stack:
        yield
