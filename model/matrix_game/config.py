"""The sizes of Matrix-Game 2.0 and how it is played, as frozen dataclasses read strictly from YAML. Builds nothing.

Defaults are those of the released universal checkpoint (He et al. 2025, arXiv:2508.13009).
"""

from __future__ import annotations

from dataclasses import dataclass, field

from input.controls import MOVEMENT_ACTIONS
from model.cache import Window
from model.picture_config import ClipConfig, VaeConfig
from model.plan import Plan, few_step, warped

PATCH = (2, 2)  # rows and columns of latents per token
ROWS_PER_LATENT = 4  # video frames, and so rows of actions, of every latent frame but the first


@dataclass(frozen=True)
class ActionConfig:
    """The action modules: in which layers, and how wide. A mouse of 0 dimensions is none.

    window: latent frames whose rows of actions a latent frame sees. rotary: channels of a head that turn with time.
    """

    layers: tuple[int, ...] = tuple(range(15))
    heads: int = 16
    mouse_dim: int = 2
    mouse_width: int = 1024
    keyboard_dim: int = 4
    keyboard_width: int = 1024
    keyboard_embedding: int = 128
    window: int = 3
    rotary: int = 8
    theta: float = 256.0

    @property
    def rows(self) -> int:
        """Rows of actions in a latent frame's window."""
        return self.window * ROWS_PER_LATENT


@dataclass(frozen=True)
class NetworkConfig:
    """The causal transformer. `window` and `sink` are in latent frames; a window counts the sink and the chunk."""

    dim: int = 1536
    layers: int = 30
    heads: int = 12
    ffn_dim: int = 8960
    timestep_width: int = 256
    in_channels: int = 36
    out_channels: int = 16
    context_dim: int = 1280
    eps: float = 1e-6
    chunk: int = 3
    window: int = 6
    sink: int = 0
    actions: ActionConfig = field(default_factory=ActionConfig)

    def __post_init__(self) -> None:
        if self.heads < 1 or self.dim % self.heads or (self.dim // self.heads) % 2:
            raise ValueError(f"dim {self.dim} is not {self.heads} heads of an even size")
        if self.window < self.sink + self.chunk:
            raise ValueError(f"a window of {self.window} has no room for sink {self.sink} and chunk {self.chunk}")

    def ring_window(self, sink: int) -> Window:
        return Window.whole(sink, self.window - sink - self.chunk, self.chunk)


@dataclass(frozen=True)
class Checkpoints:
    """The official files, relative to the folder of weights. `tiny` is the small decoder's, and optional."""

    network: str = "base_distilled_model/base_distill.safetensors"
    vae: str = "Wan2.1_VAE.pth"
    clip: str = "models_clip_open-clip-xlm-roberta-large-vit-huge-14.pth"
    tiny: str = "taew2_1.pth"


@dataclass(frozen=True)
class MatrixGameConfig:
    """A playable variant. steps: raw, as trained; shift: the flow shift that warps them.

    keyboard: the action of each column of the keyboard; one_hot: whether a column of its own, in front, stands for no
    key (see model/matrix_game/controls.py). mouse_per_radian: the network's mouse units per radian of camera rotation;
    mouse_limit: the largest value that it is given; pitch: whether it knows up and down. vocabulary: what can be done,
    for the on-screen help, as pairs of an action or "mouse" and what it does.
    """

    width: int = 640
    height: int = 352
    fps: float = 25.0
    steps: tuple[int, ...] = (1000, 666, 333)
    shift: float = 5.0
    keyboard: tuple[str, ...] = ("forward", "back", "left", "right")
    one_hot: bool = False
    mouse_per_radian: float = 1.4324
    mouse_limit: float = 0.2
    pitch: bool = True
    vocabulary: tuple[tuple[str, str], ...] = ()
    checkpoints: Checkpoints = field(default_factory=Checkpoints)
    tiny_widths: tuple[int, ...] = (256, 128, 64, 64)
    network: NetworkConfig = field(default_factory=NetworkConfig)
    vae: VaeConfig = field(default_factory=VaeConfig)
    clip: ClipConfig = field(default_factory=ClipConfig)

    def __post_init__(self) -> None:
        actions = self.network.actions
        if min(self.width, self.height, self.fps, self.shift) <= 0:
            raise ValueError(f"{self.width}x{self.height} at {self.fps} with shift {self.shift}: all must be above 0")
        if not self.steps or list(self.steps) != sorted(set(self.steps), reverse=True):
            raise ValueError(f"steps {list(self.steps)} must fall")
        if not 0 < self.steps[-1] <= self.steps[0] <= 1000:
            raise ValueError(f"steps {list(self.steps)} must lie within 1 and 1000")
        named = [*self.keyboard, *(name for name, _ in self.vocabulary if name != "mouse")]
        strangers = sorted(set(named) - set(MOVEMENT_ACTIONS))
        if strangers or len(set(self.keyboard)) < len(self.keyboard):
            raise ValueError(f"keyboard and vocabulary: {strangers or 'one action twice'}; each is a movement action")
        if self.width % (8 * PATCH[1]) or self.height % (8 * PATCH[0]):
            raise ValueError(f"{self.width}x{self.height} is not a whole number of 16x16 patches")
        if len(self.keyboard) + self.one_hot != actions.keyboard_dim:
            raise ValueError(f"{len(self.keyboard)} keys do not make a keyboard of {actions.keyboard_dim} columns")

    @property
    def latent_size(self) -> tuple[int, int]:
        """Rows and columns of a latent frame."""
        return self.height // 8, self.width // 8

    @property
    def first_chunk_frames(self) -> int:
        return ROWS_PER_LATENT * (self.network.chunk - 1) + 1

    @property
    def chunk_frames(self) -> int:
        return ROWS_PER_LATENT * self.network.chunk

    def plan(self) -> Plan:
        return few_step(warped(self.steps, self.shift), self.shift)
