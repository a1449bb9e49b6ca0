"""Networks and tokenizers of the transformers library, from local files alone: read, used, and let go.

The library's classes are used, and its loader is not: files are read as all checkpoints here are (model/checkpoint.py),
strictly, mapped, with progress, and nothing asks a hub. Torch and transformers are imported inside, for who only asks
where files lie needs neither.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from model.layout import RESTORE, Layout
from model.progress import STEPS, UNWATCHED, Watcher
from runtime.errors import UserError, brief, first_sentence

if TYPE_CHECKING:
    import torch
    import torch.nn as nn

Outcome = TypeVar("Outcome")
PACKAGES = ("transformers", "tokenizers", "ftfy")
INSTALL = "install what they need: pip install -e '.[text]'"
SLACK = 1.2  # of a network's weights: what a GPU must have free, for what it computes besides


@dataclass(frozen=True)
class Recipe:
    """How files become a network: names, and torch's names of the types it computes in on a GPU and on a CPU.

    finish: called with the network once its weights are there, for what no file holds.
    """

    layout: Layout
    gpu: str
    cpu: str
    finish: Callable[[nn.Module], None] = lambda network: None


class WholeText:
    """What encoders of all of a text have in common: their network's files lie in one `folder`, by usual names."""

    folder: str
    tokenizer: str

    @property
    def config(self) -> str:
        return f"{self.folder}/config.json"

    def files(self, weights: Path) -> list[str]:
        return [self.config, self.tokenizer, *weight_files(weights, self.folder)]

    def networks(self, weights: Path) -> list[Path]:
        """Where the network's tensors are."""
        return [weights / name for name in weight_files(weights, self.folder)]

    def reads(self, prompt: str) -> bool:
        return True


def lacking_packages() -> list[str]:
    """Those of PACKAGES that are not installed."""
    return [name for name in PACKAGES if find_spec(name) is None]


def require_packages() -> None:
    """Raise UserError where a package is not installed."""
    if lacks := lacking_packages():
        raise UserError(f"encoding text and pictures needs what is not installed: {', '.join(lacks)}", "", INSTALL)


def prepare() -> None:
    """Import the library and make it quiet; raises UserError unless it can be used."""
    require_packages()
    try:
        from transformers.utils import logging
    except ImportError as error:  # it, or what it needs in turn
        raise UserError(f"transformers cannot be used: {first_sentence(error)}", "", INSTALL) from error
    logging.set_verbosity_error()


def read_json(path: Path) -> dict:
    """The object in a small JSON file; raises UserError for anything else."""
    try:
        values = json.loads(path.read_bytes())
    except FileNotFoundError as error:
        raise UserError("a file of an encoder is missing", str(path), "fetch it or correct --weights") from error
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(f"a file of an encoder cannot be read: {first_sentence(error)}", str(path), RESTORE) from error
    if not isinstance(values, dict):
        raise UserError(f"a file of an encoder is no JSON object: {brief(values)}", str(path), RESTORE)
    return values


def config_of(cls: type, values: Mapping, path: Path) -> object:
    """The library's configuration `cls` from the contents of `path`; raises UserError."""
    try:
        return cls.from_dict(dict(values))
    except Exception as error:  # the library's checks raise as they like
        raise UserError(f"the configuration does not fit: {first_sentence(error)}", str(path), RESTORE) from error


def require_width(found: object, wanted: int, path: Path) -> None:
    """Raise UserError unless an encoder's states are as wide as the networks that are told of them want."""
    if found != wanted:
        raise UserError(f"another encoder: its states are {brief(found)} wide, not {wanted}", str(path), RESTORE)


def tokenizer_of(path: Path):
    """The tokenizer of a tokenizer.json, without the padding and the cutting that may be in it; raises UserError."""
    from tokenizers import Tokenizer

    try:
        tokenizer = Tokenizer.from_str(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise UserError("a file of an encoder is missing", str(path), "fetch it or correct --weights") from error
    except Exception as error:  # the library knows no narrower kind
        raise UserError(f"the tokenizer cannot be read: {first_sentence(error)}", str(path), RESTORE) from error
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer


def weight_files(weights: Path, folder: str) -> list[str]:
    """The names of the safetensors files in weights/folder: one, or an index and all that it names."""
    single, index = f"{folder}/model.safetensors", f"{folder}/model.safetensors.index.json"
    if (weights / single).is_file() or not (weights / index).is_file():
        return [single]
    places = read_json(weights / index).get("weight_map")
    names = sorted({str(name) for name in places.values()}) if isinstance(places, dict) else []
    if not names or any(Path(name).name != name or not name.endswith(".safetensors") for name in names):
        raise UserError("the index names no safetensors files beside it", str(weights / index), RESTORE)
    return [index, *(f"{folder}/{name}" for name in names)]


def open_all(files: Sequence[Path], layout: Layout) -> dict[str, torch.Tensor]:
    """The tensors of all `files` but those that are an index, mapped, under our names."""
    from model.checkpoint import open_tensors

    tensors: dict[str, torch.Tensor] = {}
    for path in files:
        if path.suffix != ".json":
            tensors |= open_tensors(path, layout)
    return tensors


def borrowed(
    sketch: Callable[[], nn.Module],
    files: Sequence[Path],
    recipe: Recipe,
    device: torch.device | str,
    progress: Watcher,
    use: Callable[[nn.Module], Outcome],
) -> Outcome:
    """What `use` makes of the network, which is gone afterwards.

    It computes on `device`, or on the CPU where there is no room for it. `use` must not keep it.
    """
    import torch

    from model.checkpoint import fill

    network = sketched(sketch, files[0].parent)
    try:
        device = roomy(torch.device(device), network, getattr(torch, recipe.gpu))
        dtype = getattr(torch, recipe.cpu if device.type == "cpu" else recipe.gpu)
        fill(network, open_all(files, recipe.layout), str(files[0]), device, dtype, progress)
        recipe.finish(network)
        require_whole(network)
        network.to(device)
        with torch.no_grad():
            return use(network)
    finally:
        network = None
        if device.type == "cuda":
            torch.cuda.empty_cache()


def states_by(
    sketch: Callable[[], nn.Module],
    files: Sequence[Path],
    recipe: Recipe,
    device: torch.device | str,
    progress: Watcher,
    rows: Sequence[Sequence[int]],
) -> list[torch.Tensor]:
    """The last states of each row of token ids, [tokens, width] on the CPU, by a network that is gone afterwards."""
    return borrowed(sketch, files, recipe, device, progress, lambda network: states_of(network, rows, progress))


def sketched(sketch: Callable[[], nn.Module], where: Path) -> nn.Module:
    """The network without memory; raises UserError for a configuration that makes none."""
    from model.checkpoint import on_meta

    try:
        return on_meta(sketch)
    except Exception as error:  # sizes that do not divide each other, and whatever else a configuration may say
        raise UserError(f"the configuration does not fit: {first_sentence(error)}", str(where), RESTORE) from error


def roomy(device: torch.device, network: nn.Module, dtype: torch.dtype) -> torch.device:
    """`device`, or the CPU where a GPU has no room for the weights beside what is on it."""
    import torch

    if device.type != "cuda":
        return device
    needed = sum(tensor.numel() for tensor in network.state_dict().values()) * dtype.itemsize
    torch.cuda.empty_cache()  # what torch holds and does not use counts as taken
    return device if torch.cuda.mem_get_info(device)[0] > SLACK * needed else torch.device("cpu")


def require_whole(network: nn.Module) -> None:
    """Raise UserError where another version of the library builds something that no file holds."""
    tensors = (*network.named_parameters(), *network.named_buffers())
    lost = [name for name, tensor in tensors if tensor.is_meta]
    if lost:
        import transformers

        what = f"transformers {transformers.__version__} builds the network with {lost[0]}, which nobody fills"
        raise UserError(what, type(network).__name__, INSTALL)


def states_of(network: nn.Module, rows: Sequence[Sequence[int]], progress: Watcher = UNWATCHED) -> list[torch.Tensor]:
    """The last states of each row of token ids, [tokens, width] on the CPU; raises UserError where one is no number."""
    import torch

    device, found = next(network.parameters()).device, []
    progress.stage("encoding", len(rows), STEPS)
    for done, row in enumerate(rows):
        progress.advance(done)
        found.append(checked(network(input_ids=torch.tensor([row], device=device)).last_hidden_state[0]))
    return found


def checked(states: torch.Tensor) -> torch.Tensor:
    """`states` on the CPU; raises UserError where one is no number."""
    if not states.isfinite().all():
        raise UserError("the encoder computes what is no number", str(states.dtype), "its weights may be damaged")
    return states.cpu()
