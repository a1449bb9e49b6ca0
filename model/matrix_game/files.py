"""Which of Matrix-Game 2.0's official files play needs: what loading asks, and who only looks. No torch."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from model.matrix_game.config import MatrixGameConfig
from model.official import Lack, absent
from model.settings import read_settings
from model.worldfile import WorldFile


def config_of(folder: Path, described: WorldFile) -> MatrixGameConfig:
    """The settings of a world; raises UserError."""
    return read_settings(MatrixGameConfig, described.config, str(folder / "world.yaml"))


def official(config: MatrixGameConfig) -> list[str]:
    """The files without which there is nothing to load; the tiny decoder's is only wanted by who asks for it."""
    return [config.checkpoints.network, config.checkpoints.vae, config.checkpoints.clip]


def lacking(folder: Path, described: WorldFile, weights: Path, starts: Sequence[np.ndarray]) -> Lack:
    """What play lacks, by the names of files; it begins from any picture. Raises UserError."""
    return Lack(tuple(absent(weights, official(config_of(folder, described)))))
