"""The 8B's fixture through our network: direct calls (a), whole pipelines with (c) and without (b) guidance."""

from __future__ import annotations

import torch

from bench.parity import Fixture, module
from bench.worldplay_rollout import Passes, Recorded, Walk, as_clip, as_frames
from model.cache import Gathered
from model.plan import euler
from model.prope import KEY, OUT, QUERY, transform
from model.worldplay.config import CHUNK, CONTEXT_TIMESTEP, NetworkConfig
from model.worldplay.network import GLYPH, LANGUAGE, LAYOUT, PICTURE, WorldPlayNet
from model.worldplay.overlap import Memory

# Of group a's frames, those that the mixed timesteps and the cameras' primitives were recorded with.
SECOND = range(CHUNK, 2 * CHUNK)


def network_config(fixture: Fixture) -> NetworkConfig:
    """The sizes that the fixture notes; of conditions there are at most as many tokens as it has anywhere."""
    official, mapper = fixture.notes["transformer_config"], fixture.notes["byt5_mapper"]

    def most(kind: str) -> int:
        return max((x.shape[1] for name, x in fixture.inputs.items() if name.endswith(f"{kind}_states")), default=0)

    return NetworkConfig(
        dim=official["hidden_size"],
        layers=official["mm_double_blocks_depth"],
        heads=official["heads_num"],
        mlp_ratio=official["mlp_width_ratio"],
        channels=official["out_channels"],
        picture_channels=official["in_channels"] + 1 if official["concat_condition"] else 0,
        patch=tuple(official["patch_size"][1:]),
        rotary=tuple(official["rope_dim_list"]),
        theta=float(official["rope_theta"]),
        language=official["text_states_dim"],
        glyph=mapper["in_dim"],
        picture=official["vision_states_dim"],
        glyph_inner=mapper["hidden_dim"],
        glyph_middle=mapper["out_dim"],
        language_tokens=most("text"),
        glyph_tokens=most("byt5"),
        picture_tokens=most("vision"),
    )


class Calls:
    """The network with the fixture's weights, and the outputs by their names."""

    def __init__(self, fixture: Fixture) -> None:
        self.fixture, self.notes, self.config = fixture, fixture.notes, network_config(fixture)
        self.net = module(WorldPlayNet, self.config, fixture, layout=LAYOUT)
        self.past = fixture.notes.get("context_timestep", CONTEXT_TIMESTEP)
        self.outputs: dict[str, torch.Tensor] = {}

    def passes(self, recorded: Recorded, context: int, prefix: str = "") -> Passes:
        """A ring of its own, behind the text of a group; prefix: "neg_" for its negative prompt."""
        fixture = self.fixture
        rings = self.net.rings(Gathered(context, CHUNK), self.grid(recorded), fixture.device, fixture.dtype)
        text = self.text(recorded, prefix)
        rings.tell(text[0][0].shape[2])
        for number, pair in enumerate(text):
            rings.layer(number)["self"].tell(*pair)
        return Passes(self.net, recorded, rings, past=self.past)

    def grid(self, recorded: Recorded) -> tuple[int, int]:
        """Rows and columns of tokens of the group's latent frames."""
        h, w = recorded["chunk0.hidden_states" if "chunk0.hidden_states" in recorded else "noise"].shape[-2:]
        return h // self.config.patch[0], w // self.config.patch[1]

    def picture(self, recorded: Recorded) -> torch.Tensor:
        """States of the start picture [tokens, width]; none of a call without one, whose states and channels beside the
        latents are zeros or not there.
        """
        if "vision_states" not in recorded:
            return torch.zeros(0, self.config.picture, device=recorded.device, dtype=recorded.dtype)
        states, beside = recorded.states("vision_states"), -self.config.picture_channels
        shown = recorded["chunk0.hidden_states" if "chunk0.hidden_states" in recorded else "cond_latents"][:, beside:]
        return states if bool(states.any()) or bool(shown.any()) else states[:0]

    def text(self, recorded: Recorded, prefix: str = "") -> list:
        """Keys and values per layer of a group's prompt; of its negative one there is no glyph."""
        language = recorded.states(f"{prefix}text_states")[recorded[f"{prefix}text_mask"][0].bool()]
        glyph = torch.zeros(0, self.config.glyph, device=recorded.device, dtype=recorded.dtype)
        if "byt5_states" in recorded and not prefix:
            glyph = recorded.states("byt5_states")[recorded["byt5_mask"][0].bool()]
        return self.net.tell(self.net.conditions(language, glyph, self.picture(recorded)))

    # ---- group a: direct calls ----

    def direct(self) -> None:
        recorded = Recorded(self.fixture, "a")
        self.embedded(recorded)
        keys, values = (torch.stack(parts) for parts in zip(*self.text(recorded), strict=True))
        self.outputs |= {"a.k_txt": keys, "a.v_txt": values}
        first = range(CHUNK)
        history = as_frames(recorded["ctx.hidden_states"])
        frames = list(range(len(history)))
        passes, states = self.passes(recorded, len(frames)), []
        hooks = [block.register_forward_hook(lambda _m, _i, y: states.append(y)) for block in self.net.blocks]
        passes.gather(history, ())
        x, timesteps = as_frames(recorded["chunk0.hidden_states"]), recorded["chunk0.timestep"]
        self.outputs["a.chunk0.pred"] = as_clip(passes.draw(x, first, timesteps))
        for hook in hooks:
            hook.remove()
        self.outputs["a.chunk0.block_outputs"] = torch.stack([y.flatten(0, 1)[None] for y in states])
        passes.gather(history, frames, recorded["ctx.timestep"])
        self.context("a.ctx", passes, len(frames))
        follow = [len(frames) + frame for frame in first]
        x, timesteps = as_frames(recorded["chunk1.hidden_states"]), recorded["chunk1.timestep"]
        self.outputs["a.chunk1.pred"] = as_clip(passes.draw(x, follow, timesteps))
        if "mixed.timestep" in recorded:
            mixed = recorded["mixed.timestep"], recorded["mixed.action"][0].cpu()
            self.outputs["a.mixed.pred"] = as_clip(passes.draw(x, SECOND, *mixed))

    def context(self, name: str, passes: Passes, frames: int) -> None:
        """What the context's pass left in the ring: both branches of every layer."""
        ring = passes.rings["self"]
        held = slice(ring.told, ring.told + frames * ring.shape.tokens)
        for kind, buffer in zip("kv", ring.buffer, strict=True):
            self.outputs[f"{name}.{kind}_vision"] = buffer[:, :, :, held].clone()

    def embedded(self, recorded: Recorded) -> None:
        """The parts before the blocks, and the primitives of both branches."""
        net, kinds = self.net, self.net.cond_type_embedding.weight
        there = recorded["text_mask"][0].bool()
        zero = net.waves(torch.zeros(1, device=recorded.device))
        language = net.txt_in(recorded.states("text_states"), zero, there)
        glyph, picture = net.byt5_in(recorded.states("byt5_states")), net.vision_in(recorded.states("vision_states"))
        marks = recorded["byt5_mask"][0].bool()
        shown = torch.full((len(picture),), len(self.picture(recorded)) > 0, device=recorded.device)
        parts = [(picture + kinds[PICTURE], shown)]
        parts += [(glyph + kinds[GLYPH], marks), (language + kinds[LANGUAGE], there)]
        whole = torch.cat([part[mask] for part, mask in parts])
        ordered = torch.zeros(sum(len(mask) for _, mask in parts), whole.shape[1], device=recorded.device)
        ordered[: len(whole)] = whole
        labels = net.waves(recorded.labels[:CHUNK].to(recorded.device))
        x = as_frames(recorded["chunk0.hidden_states"]).to(recorded.dtype)
        cos, sin = (part.repeat_interleave(2, 1) for part in self.table(len(recorded.labels), self.grid(recorded)))
        self.outputs |= {
            "a.txt_in": language[None],
            "a.byt5_in": glyph[None],
            "a.vision_in": picture[None],
            "a.text_tokens_ordered": ordered[None],
            "a.text_mask_ordered": (torch.arange(len(ordered)) < len(whole)).long()[None],
            "a.time_in_t0": net.time_in(zero),
            "a.chunk0.action_in": net.action_in(labels),
            "a.chunk0.img_in": net.img_in["proj"](x).flatten(0, 1)[None],
            "a.rope_cos": cos,
            "a.rope_sin": sin,
        }
        cameras = recorded.cameras(SECOND)
        for name, factor in (("q", QUERY), ("k", KEY), ("v", KEY), ("o", OUT)):
            if f"prope.{name}" in recorded:
                given = recorded[f"prope.{name}"].to(recorded.dtype)
                self.outputs[f"a.prope.{name}"] = transform(given, cameras[:, factor])

    def table(self, frames: int, grid: tuple[int, int]):
        rings = self.net.rings(Gathered(frames, CHUNK), grid, "cpu", torch.float32)
        return rings["self"].shape.axes.grid(range(frames), *grid)

    # ---- groups b, c: the whole pipeline ----

    def rollout(self, group: str) -> None:
        recorded, notes = Recorded(self.fixture, group), self.notes["rollouts"][group]
        said = self.notes["memory"]
        memory = Memory(
            said["memory_frames"],
            said["temporal_context_size"],
            said["pred_latent_size"],
            fov=(said["fov_h"], said["fov_v"]),
            radius=said["radius"],
        )
        guided = notes["guidance"] > 1
        rows = [self.passes(recorded, memory.budget, prefix) for prefix in (["", "neg_"] if guided else [""])]
        plan = euler(notes["steps"], notes["flow_shift"], notes["guidance"] if guided else 1.0)
        condition = as_frames(recorded["cond_latents"]).to(recorded.dtype)
        walk = Walk(plan, rows, recorded.chooser(memory), condition)
        latents = walk.play(as_frames(recorded["noise"]).to(recorded.dtype))
        self.outputs |= {
            f"{group}.latents": as_clip(latents),
            f"{group}.noise_preds": torch.stack([as_clip(flow) for flow in walk.flows]),
            f"{group}.k_txt": torch.stack([keys for keys, _ in self.text(recorded)]),
        }
        ring, frames = rows[-1].rings["self"], rows[-1].rings.committed
        held = slice(ring.told, ring.told + frames * ring.shape.tokens)
        self.outputs[f"{group}.last_ctx_k_vision_block0"] = ring.buffer[0, 0][:, :, held]


def transformer(fixture: Fixture) -> dict[str, torch.Tensor]:
    calls = Calls(fixture)
    if "a.text_states" in fixture.inputs:
        calls.direct()
    for group in fixture.notes.get("rollouts", {}):
        calls.rollout(group)
    return calls.outputs
