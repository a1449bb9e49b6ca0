"""The sizes of HY-World 1.5 (WorldPlay) and how it is played, as frozen dataclasses read strictly from YAML.

Builds nothing. Defaults are those of the released checkpoints: `NetworkConfig` of the 8B (a HunyuanVideo-1.5 network),
`WanConfig` of the 5B (a Wan 2.2 TI2V network). HY-World 1.5 technical report; the official configuration files.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields

from input.controls import MOVEMENT_ACTIONS
from model.cache import Gathered
from model.encoders.glyph import GlyphByT5
from model.encoders.qwen import Qwen
from model.encoders.siglip import Siglip
from model.encoders.umt5 import Umt5
from model.picture_config import HunyuanVaeConfig, Wan22VaeConfig
from model.plan import Plan, euler, euler_list
from model.source import require_inside
from model.worldplay.controls import ROWS_PER_LATENT, CameraScale
from model.worldplay.overlap import Memory

CHUNK = 4  # latent frames
SPATIAL = 16  # pixels per latent, in both VAEs
CONTEXT_TIMESTEP = 14.0  # that the past is told to be at; also of the picture that stands in for a first latent frame


@dataclass(frozen=True)
class NetworkConfig:
    """The 8B. picture_channels: of the condition beside the noisy latents, a mask included. language, glyph, picture:
    the widths of the encoders' states, and `*_tokens` the most that there are of each.
    """

    dim: int = 2048
    layers: int = 54
    heads: int = 16
    mlp_ratio: float = 4.0
    channels: int = 32
    picture_channels: int = 33
    patch: tuple[int, int] = (1, 1)
    rotary: tuple[int, ...] = (16, 56, 56)
    theta: float = 256.0
    language: int = 3584
    glyph: int = 1472
    picture: int = 1152
    glyph_inner: int = 2048
    glyph_middle: int = 2048
    refiner_layers: int = 2
    language_tokens: int = 1000
    glyph_tokens: int = 256
    picture_tokens: int = 729
    wave_width: int = 256

    def __post_init__(self) -> None:
        require_sizes(self)
        require_heads(self.dim, self.heads, self.rotary)

    @property
    def inner(self) -> int:
        """The width inside a block's MLP."""
        return int(self.dim * self.mlp_ratio)

    @property
    def text_tokens(self) -> int:
        """The most tokens of conditions that the video sees."""
        return self.picture_tokens + self.glyph_tokens + self.language_tokens


@dataclass(frozen=True)
class WanConfig:
    """The 5B. language: the width of UMT5's states, of which there are `language_tokens`, zeros behind the text."""

    dim: int = 3072
    layers: int = 30
    heads: int = 24
    ffn_dim: int = 14336
    channels: int = 48
    patch: tuple[int, int] = (2, 2)
    wave_width: int = 256
    language: int = 4096
    language_tokens: int = 512
    eps: float = 1e-6

    def __post_init__(self) -> None:
        require_sizes(self)
        require_heads(self.dim, self.heads)


@dataclass(frozen=True)
class Encoders:
    """Where the encoders' files lie, and how wide their states are; the 5B has only `umt5`."""

    qwen: Qwen = field(default_factory=Qwen)
    glyph: GlyphByT5 = field(default_factory=GlyphByT5)
    siglip: Siglip = field(default_factory=Siglip)
    umt5: Umt5 = field(default_factory=Umt5)


@dataclass(frozen=True)
class WorldPlayConfig:
    """A playable variant. network: "8b" or "5b", whose sizes are in `hunyuan` or in `wan`.

    steps, shift, guidance: an even schedule, shifted; timesteps: a list of its own instead. memory: which latents a
    chunk looks back on; kept: how many of a walk are kept to choose from. prompt: what is dreamt of where a person
    says nothing. compact: the cache has keys and values once instead of once per branch of attention, to the same bits,
    and every pass takes longer; also taken where memory is short. scale: metres and radians to the model's. vocabulary:
    see MatrixGameConfig. checkpoint, vae_file: in the folder of weights.
    """

    network: str = "8b"
    width: int = 832
    height: int = 480
    fps: float = 24.0
    steps: int = 4
    shift: float = 5.0
    guidance: float = 1.0
    timesteps: tuple[float, ...] = ()
    memory: Memory = field(default_factory=Memory)
    kept: int = 3600
    compact: bool = False
    prompt: str = ""
    scale: CameraScale = field(default_factory=CameraScale)
    vocabulary: tuple[tuple[str, str], ...] = ()
    checkpoint: str = "ar_distilled_action_model/model.safetensors"
    vae_file: str = "vae/diffusion_pytorch_model.safetensors"
    encoders: Encoders = field(default_factory=Encoders)
    hunyuan: NetworkConfig = field(default_factory=NetworkConfig)
    wan: WanConfig = field(default_factory=WanConfig)
    hunyuan_vae: HunyuanVaeConfig = field(default_factory=HunyuanVaeConfig)
    wan_vae: Wan22VaeConfig = field(default_factory=Wan22VaeConfig)

    def __post_init__(self) -> None:
        if self.network not in ("8b", "5b"):
            raise ValueError(f"network is 8b or 5b, not {self.network!r}")
        if min(self.width, self.height, self.fps, self.shift) <= 0 or self.steps < 1:
            raise ValueError(f"{self.width}x{self.height} at {self.fps}, {self.steps} steps: all must be above 0")
        unit = SPATIAL * self.net.patch[0]
        if self.width % unit or self.height % unit:
            raise ValueError(f"{self.width}x{self.height} is not a whole number of {unit}x{unit} patches")
        if self.timesteps and (list(self.timesteps) != sorted(set(self.timesteps), reverse=True)):
            raise ValueError(f"timesteps {list(self.timesteps)} must fall")
        if any(not 0 < timestep <= 1000 for timestep in self.timesteps):
            raise ValueError(f"timesteps {list(self.timesteps)} must lie within 0 and 1000")
        if self.memory.chunk != CHUNK or self.memory.budget % CHUNK:
            raise ValueError(f"a memory of {self.memory.budget} latents is not whole chunks of {CHUNK}")
        if self.kept % CHUNK or self.most_context < self.memory.budget:
            wanted = f"at least {self.memory.budget} to look back on and {2 * CHUNK} more, in whole chunks of {CHUNK}"
            raise ValueError(f"of a walk {self.kept} latents are kept, where {wanted}, are wanted")
        if self.net.channels != self.vae.latent_channels:
            raise ValueError(f"a network of {self.net.channels} channels and a VAE of {self.vae.latent_channels}")
        strangers = {name for name, _ in self.vocabulary if name != "mouse"} - set(MOVEMENT_ACTIONS)
        if strangers:
            raise ValueError(f"vocabulary: {sorted(strangers)} are no movement actions")
        for name in (self.checkpoint, self.vae_file):
            require_inside(name)

    @property
    def net(self) -> NetworkConfig | WanConfig:
        return self.hunyuan if self.network == "8b" else self.wan

    @property
    def vae(self) -> HunyuanVaeConfig | Wan22VaeConfig:
        return self.hunyuan_vae if self.network == "8b" else self.wan_vae

    @property
    def holds_first(self) -> bool:
        """Whether the encoded picture is latent frame 0; else it is drawn like the others, with the picture beside."""
        return self.network == "5b"

    @property
    def guided(self) -> bool:
        return self.guidance != 1

    @property
    def most_context(self) -> int:
        """The most latents that a chunk can look back on, of those that are kept."""
        return self.kept - 2 * CHUNK

    @property
    def window(self) -> Gathered:
        """The cache: what is looked back on, and the chunk."""
        return Gathered(self.memory.budget, CHUNK)

    @property
    def told_cameras(self) -> int:
        """Latent frames whose cameras a chunk's pass is told: its own, and for a compact cache the context's."""
        return self.window.capacity if self.compact else CHUNK

    @property
    def latent_size(self) -> tuple[int, int]:
        """Rows and columns of a latent frame."""
        return self.height // SPATIAL, self.width // SPATIAL

    @property
    def grid(self) -> tuple[int, int]:
        """Rows and columns of tokens of a latent frame."""
        return self.latent_size[0] // self.net.patch[0], self.latent_size[1] // self.net.patch[1]

    @property
    def first_chunk_frames(self) -> int:
        return ROWS_PER_LATENT * (CHUNK - 1) + 1

    @property
    def chunk_frames(self) -> int:
        return ROWS_PER_LATENT * CHUNK

    def plan(self) -> Plan:
        if self.timesteps:
            return euler_list(self.timesteps, self.guidance, CONTEXT_TIMESTEP)
        return euler(self.steps, self.shift, self.guidance, CONTEXT_TIMESTEP)


def require_sizes(config: NetworkConfig | WanConfig) -> None:
    """Raise ValueError for a size that is none."""
    for each in fields(config):
        value = getattr(config, each.name)
        if min(value if isinstance(value, tuple) else (value,)) <= 0:
            raise ValueError(f"{each.name} is {value}, where more than 0 is wanted")
    if config.wave_width % 2:
        raise ValueError(f"wave_width {config.wave_width} is not pairs of waves")


def require_heads(dim: int, heads: int, rotary: tuple[int, ...] = ()) -> None:
    """Raise ValueError unless a head can be turned, and transformed in groups of four channels."""
    if heads < 1 or dim % heads or (dim // heads) % 4:
        raise ValueError(f"dim {dim} is not {heads} heads of a multiple of 4")
    if rotary and (sum(rotary) != dim // heads or any(part % 2 for part in rotary)):
        raise ValueError(f"rotary {list(rotary)} does not make up a head of {dim // heads} in even parts")
