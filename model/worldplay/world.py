"""WorldPlay as a world: see model.world.World. What is said of it is model/worldplay/load.py's affair.

A chunk: the controls become cameras and labels, the history chooses what is looked back on, one pass computes that
context, and the sampler's passes draw the chunk behind it. Of the caches only the text's part outlives a chunk: the
frames of a context see one another, so behind the first block what each leaves there depends on all that were chosen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import astuple

import numpy as np
import torch

from compile.rehearsal import CHUNKS
from compile.runner import Runner
from input.camera import Pose
from model.chunk_world import ChunkWorld, array_type, as_array, as_tensor, sent
from model.placement import Placement
from model.plan import Step
from model.prope import factors
from model.rings import Rings
from model.state import COUNTS, REMEDY, check_state
from model.wan import sinusoid
from model.world import WorldInfo
from model.worldplay.cameras import DEFAULT_PIXELS, labels, normalised, view_matrices
from model.worldplay.config import CHUNK, CONTEXT_TIMESTEP, WorldPlayConfig
from model.worldplay.controls import cameras, latent_poses
from model.worldplay.graphs import GATHERED, suffix
from model.worldplay.history import LABELS, History
from model.worldplay.saved import HISTORY, layout_of, part
from model.worldplay.told import Picture, Text, padded, put_text
from runtime.errors import UserError

Embed = Callable[[str], Text]
See = Callable[[np.ndarray], Picture]
ROWS = {"conditional": "", "unconditional": "negative."}  # a plan's rows, as graphs.py calls them


class WorldPlayWorld(ChunkWorld):
    """See ChunkWorld. Of the past it keeps the latents, on the device, and their cameras: `config.kept` of them."""

    angles = torch.float32

    def __init__(
        self,
        config: WorldPlayConfig,
        info: WorldInfo,
        network: Runner,
        decoder: Runner,
        rings: Mapping[str, Rings],
        embed: Embed,
        see: See,
        starts: list[np.ndarray],
        placement: Placement,
    ) -> None:
        """network, decoder: run the graphs of graphs.py here and of model/decode_graphs.py; rings: the first one's, by
        row. embed and see: what prompts and pictures become. starts: own pictures, of which the seed chooses one.
        """
        super().__init__(info, network, decoder, placement, config.plan())
        self.config, self.rings, self.starts = config, rings, starts
        self._embed, self._see = embed, see
        self.text: Text | None = None
        self.picture: Picture | None = None
        self._pixels: np.ndarray | None = None
        self.history = History(config.memory, config.kept)
        self.pose = Pose()  # of the last latent frame, in the model's units
        shape = (config.kept, config.net.channels, *config.latent_size)
        self.latents = torch.empty(shape, device=placement.device, dtype=placement.dtype)
        self._label_waves = sinusoid(torch.arange(LABELS), config.net.wave_width, self.angles).to(self.latents)
        self._intrinsics = normalised(*DEFAULT_PIXELS)

    # ---- what a walk is told ----

    @torch.inference_mode()
    def reset(self, image: np.ndarray | None, prompt: str | None, seed: int) -> None:
        """See model.world.World. A picture or a text that was begun from last time needs no encoder."""
        pixels = self.starts[seed % len(self.starts)] if image is None else image
        picture = self.picture if np.array_equal(pixels, self._pixels) else self._see(pixels)
        texts = self._by_row(self._embed(self.config.prompt if prompt is None else prompt))
        self.network.begin()
        self.decoder.begin()
        self.picture, self._pixels = picture, pixels
        self._tell(texts)
        self._begin(seed)

    @torch.inference_mode()
    def prompt(self, text: str) -> None:
        """See model.world.World."""
        self._tell(self._by_row(self._embed(text)))

    def _by_row(self, text: Text) -> dict[str, Text]:
        """What each row is told: of a guided plan, the unconditional one no text."""
        return {row: self._embed("") if row else text for row in self.rings}

    def _tell(self, texts: Mapping[str, Text]) -> None:
        """Have the caches hold a text for each row."""
        self.text = texts[""]
        for row, rings in self.rings.items():
            put_text(texts[row], self.picture, self.network, self.config.net, rings, row)

    def _begin(self, seed: int) -> None:
        self._start(seed)
        self.history.begin()
        self.pose = Pose()

    def rehearse(self) -> None:
        """A short walk from noise, on which other engines are tried (compile/manager.py); reset afterwards."""
        self.network.begin()
        self.decoder.begin()
        draws, config = torch.Generator().manual_seed(0), self.config.net

        def noise(*shape: int) -> torch.Tensor:
            return torch.randn(shape, generator=draws).to(self.placement.device, self.placement.dtype)

        glyph, states = getattr(config, "glyph", 0), getattr(config, "picture", 0)
        self.picture = Picture(noise(*self.latents.shape[1:]), noise(getattr(config, "picture_tokens", 0), states))
        text = Text(noise(config.language_tokens // 2, config.language), noise(0, glyph))
        self._tell(dict.fromkeys(self.rings, text))
        self._begin(seed=0)
        for chunk in range(CHUNKS):
            frames = self.config.chunk_frames if chunk else self.config.first_chunk_frames
            list(self.step(np.zeros((frames, self.info.control_columns), np.float32)))
        self._pixels = None

    # ---- a chunk ----

    def step(self, controls: np.ndarray) -> Iterator[np.ndarray]:
        """See model.world.World. The work begins with the call; on a GPU, the next step may be called before the
        iterator is exhausted, and is denoised while this one's frames are decoded.
        """
        self._require_rows(controls)
        self._settle()
        with torch.inference_mode():
            slot = self._move(controls)
            latents = self._draw(self._look_back())
            self.latents[slot * CHUNK : (slot + 1) * CHUNK] = latents.to(self.latents.dtype)
        pictures = self.lane.start(latents)
        self.chunk += 1
        return pictures

    def _move(self, controls: np.ndarray) -> int:
        """Take the controls into the history; the slot of the chunk's latents."""
        before = self.pose if self.chunk else None
        poses = latent_poses(before, controls, self.config.scale)
        self.pose, c2w = poses[-1], cameras(poses)
        return self.history.append(c2w, labels(c2w, None if before is None else cameras([before])[0]))

    def _look_back(self) -> list[int]:
        """The pass over the context, for every row: what the past looks like to this chunk. Returns its latents."""
        chosen = list(self.history.choose(self.chunk * CHUNK))
        for rings in self.rings.values():
            rings.gather(len(chosen))
        if not chosen:
            return chosen
        x = self.latents[sent(self.history.places(chosen), self.latents.device)]
        self._put(GATHERED, x, chosen)
        self.network.put(f"{GATHERED}timestep", self.waves(f"{GATHERED}timestep", CONTEXT_TIMESTEP))
        for row, rings in self.rings.items():
            self.network.run(f"context{suffix(row)}", (*rings.filled, len(chosen)))
        return chosen

    def _draw(self, context: list[int]) -> torch.Tensor:
        """The chunk's clean latents, float32 [frames, C, h, w]."""
        frames = list(range(self.chunk * CHUNK, (self.chunk + 1) * CHUNK))
        for rings in self.rings.values():
            rings.stage(CHUNK)
        self._put("", None, frames, context if self.config.compact else [])
        held = self.picture.latent.float() if self.config.holds_first and self.chunk == 0 else None

        def run(x: torch.Tensor, step: Step, row: str) -> None:
            timesteps = [step.timestep] * CHUNK
            if held is not None:
                x, timesteps[0] = torch.cat([held[None], x[1:]]), CONTEXT_TIMESTEP
            self.network.put("x", x)
            self.network.put("timestep", self.waves("timestep", *timesteps))
            prefix = ROWS[row]
            self.network.run(f"denoise{suffix(prefix)}", (*self.rings[prefix].filled, len(context) + CHUNK))

        latents = self._denoise(run)
        return latents if held is None else torch.cat([held[None], latents[1:]])

    def _put(self, told: str, x: torch.Tensor | None, frames: list[int], before: list[int] = ()) -> None:
        """Tell a pass of these latent frames, for more of which it may have room, and of cameras of those `before`."""
        c2w, numbers = self.history.conditions([*before, *frames])
        matrices = factors(view_matrices(c2w), np.tile(self._intrinsics, (len(c2w), 1, 1)))
        waves = self._label_waves[sent(numbers[len(before) :], self.latents.device)]
        given = {"camera": torch.from_numpy(matrices), "label": waves}
        if x is not None:
            given["x"] = x
        if not self.config.holds_first:
            given["picture"] = self.picture.condition(frames)
        for name, value in given.items():
            self.network.put(f"{told}{name}", padded(value, len(self.network.buffers[f"{told}{name}"])))

    # ---- state ----

    def state(self) -> dict[str, np.ndarray]:
        """See model.world.World: between two steps, the iterator of the last one exhausted."""
        kept = self.latents[: min(self.chunk * CHUNK, self.config.kept)]
        tensors = {"latents": kept, "picture.latent": self.picture.latent}
        network = self.config.net
        tensors["text.language"] = padded(self.text.language, network.language_tokens)
        counts = {"text.language_tokens": len(self.text.language)}
        if not self.config.holds_first:
            tensors["picture.states"] = self.picture.states
            tensors["text.glyph"] = padded(self.text.glyph, network.glyph_tokens)
            counts["text.glyph_tokens"] = len(self.text.glyph)
        arrays = self._common_state() | {name: as_array(tensor) for name, tensor in tensors.items()}
        arrays |= {name: np.array(count, COUNTS) for name, count in counts.items()}
        arrays |= {f"{HISTORY}{name}": array for name, array in self.history.state().items()}
        return arrays | {"pose": np.array(astuple(self.pose))}

    def require_state(self, state: dict[str, np.ndarray]) -> None:
        history = part(state, HISTORY)
        others = {name: array for name, array in state.items() if not name.startswith(HISTORY)}
        self.history.require_state(history, self.info.name)
        own = layout_of(self.config, int(history["chunks"]), array_type(self.placement.dtype))
        check_state({**self._common_layout(), **own}, others, self.info.name)
        if int(others["chunk"]) != int(history["chunks"]):
            raise UserError("'chunk' of the saved state is not that of its history", self.info.name, REMEDY)
        for name in ("language", "glyph"):
            if int(others.get(f"text.{name}_tokens", 0)) > getattr(self.config.net, f"{name}_tokens", 0):
                raise UserError(f"'text.{name}_tokens' of the saved state are too many", self.info.name, REMEDY)

    @torch.inference_mode()
    def load_state(self, state: dict[str, np.ndarray]) -> None:
        self.require_state(state)

        def tensor(name: str) -> torch.Tensor:
            made = as_tensor(state[name], self.placement.dtype) if name in state else torch.empty(0, 0)
            return made.to(self.placement.device)

        language = tensor("text.language")[: int(state["text.language_tokens"])]
        texts = self._by_row(Text(language, tensor("text.glyph")[: int(state.get("text.glyph_tokens", 0))]))
        self._begin(int(state["seed"]))
        self._load_common(state, cached=False)
        self.picture, self._pixels = Picture(tensor("picture.latent"), tensor("picture.states")), None
        self._tell(texts)
        self.history.load_state(part(state, HISTORY), self.info.name)
        self.latents[: len(state["latents"])] = as_tensor(state["latents"], self.placement.dtype)  # no second one there
        self.pose = Pose(*state["pose"].tolist())

    @property
    def camera(self) -> np.ndarray:
        """Where the person is, in metres; angles are those of the model's camera."""
        made = cameras([self.pose])[0]
        made[:3, 3] /= self.config.scale.units_per_metre
        return made
