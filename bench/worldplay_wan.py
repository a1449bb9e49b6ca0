"""The 5B's fixture through our network: direct calls (a) and a roll-out from a picture (b)."""

from __future__ import annotations

import torch

from bench.parity import Fixture, module
from bench.worldplay_rollout import Passes, Recorded, Walk, as_clip, as_frames
from model.cache import Gathered
from model.plan import euler_list
from model.worldplay.config import CHUNK, CONTEXT_TIMESTEP, WanConfig
from model.worldplay.overlap import MEMORY_5B
from model.worldplay.wan_network import LAYOUT, WorldPlayWanNet


def wan_config(notes: dict) -> WanConfig:
    official = notes["transformer_config"]
    return WanConfig(
        dim=official["num_attention_heads"] * official["attention_head_dim"],
        layers=official["num_layers"],
        heads=official["num_attention_heads"],
        ffn_dim=official["ffn_dim"],
        channels=official["in_channels"],
        patch=tuple(official["patch_size"][1:]),
        wave_width=official["freq_dim"],
        language=official["text_dim"],
        eps=official["eps"],
    )


class Calls:
    """The network with the fixture's weights, and the outputs by their names."""

    def __init__(self, fixture: Fixture) -> None:
        self.fixture, self.notes, self.config = fixture, fixture.notes, wan_config(fixture.notes)
        self.net = module(WorldPlayWanNet, self.config, fixture, layout=LAYOUT)
        self.outputs: dict[str, torch.Tensor] = {}

    def passes(self, recorded: Recorded, context: int, latents: tuple[int, int]) -> Passes:
        """An empty ring for latent frames of this size; the prompt is that of group a, which is the only one there."""
        (h, w), (rows, columns) = latents, self.config.patch
        grid = h // rows, w // columns
        rings = self.net.rings(Gathered(context, CHUNK), grid, self.fixture.device, self.fixture.dtype)
        name = "text" if "text" in recorded else None
        text = recorded.states(name) if name else self.fixture.inputs["a.text"][0].to(self.fixture.dtype)
        return Passes(self.net, recorded, rings, self.net.tell(text))

    def direct(self) -> None:
        recorded = Recorded(self.fixture, "a")
        history = as_frames(recorded["ctx.x"])
        frames = list(range(len(history)))
        passes = self.passes(recorded, len(frames), history.shape[-2:])
        passes.gather(history, ())
        first, follow = range(CHUNK), [frames[-1] + 1 + frame for frame in range(CHUNK)]
        x, timesteps = as_frames(recorded["chunk0.x"]), recorded["chunk0.t"]
        self.outputs["a.chunk0.pred"] = as_clip(passes.draw(x, first, timesteps))
        passes.gather(history, frames, recorded["ctx.t"])
        ring = passes.rings["self"]
        held = len(frames) * ring.shape.tokens
        for kind, buffer in zip("kv", ring.buffer, strict=True):  # [layers, branches, heads, tokens, head_dim]
            by_token = buffer[:, :, :, :held].permute(0, 3, 2, 1, 4).flatten(3)
            self.outputs[f"a.ctx.{kind}"] = by_token.transpose(1, 2)[:, None].clone()
        x, timesteps = as_frames(recorded["chunk1.x"]), recorded["chunk1.t"]
        self.outputs["a.chunk1.pred"] = as_clip(passes.draw(x, follow, timesteps))

    def rollout(self) -> None:
        recorded, notes = Recorded(self.fixture, "b"), self.notes["rollout"]
        noise = as_frames(recorded["noise"]).to(recorded.dtype)
        passes = self.passes(recorded, MEMORY_5B.budget, noise.shape[-2:])
        plan = euler_list([timestep for timestep in notes["timesteps"] if timestep])
        held = None
        if "image_latent_raw" in recorded:
            raw = as_frames(recorded["image_latent_raw"]).to(recorded.dtype)
            mean, std = (
                recorded[name].view(1, -1, 1, 1).to(recorded.dtype) for name in ("latents_mean", "latents_std")
            )
            held = (raw - mean) / std, CONTEXT_TIMESTEP
        walk = Walk(plan, [passes], recorded.chooser(MEMORY_5B), held=held)
        self.outputs["b.latents"] = as_clip(walk.play(noise))
        for number, flow in enumerate(walk.flows):
            chunk, step = divmod(number, len(plan.steps))
            self.outputs[f"b.pred_chunk{chunk}_step{step}"] = as_clip(flow)


def wan(fixture: Fixture) -> dict[str, torch.Tensor]:
    calls = Calls(fixture)
    if "a.chunk0.x" in fixture.inputs:
        calls.direct()
    if fixture.notes.get("rollout"):
        calls.rollout()
    return calls.outputs
