"""PRoPE: cameras inside the attention, as projective matrices on queries, keys and values. Torch only.

Li et al. 2025, "Cameras as Relative Positional Encoding"; here as HY-World 1.5 has it: over the whole head, in groups
of four channels, beside a rotary branch of its own. With P = K W, the lifted intrinsics times the view matrix, queries
become P^T q, keys and values P^-1 k and P^-1 v, and what comes out P out: between two tokens only the cameras'
relative pose counts.
"""

from __future__ import annotations

import numpy as np
import torch

from model.rotary import Table, rotate
from model.wan import LayerPass

GROUP = 4  # channels that a matrix acts on
QUERY, KEY, OUT = range(3)  # the factors of `factors`, by their place


def factors(w2c: np.ndarray, intrinsics: np.ndarray) -> np.ndarray:
    """View matrices [frames, 4, 4] and normalised intrinsics [frames, 3, 3] to P^T, P^-1, P, float32 [frames, 3, 4, 4].

    Of the intrinsics only the focal lengths count: the principal point is zero whatever they say. W is rigid.
    """
    w2c, intrinsics = np.asarray(w2c, np.float64), np.asarray(intrinsics, np.float64)
    focal = np.ones((len(w2c), 4))
    focal[:, 0], focal[:, 1] = intrinsics[:, 0, 0], intrinsics[:, 1, 1]
    turned = w2c[:, :3, :3].swapaxes(1, 2)
    c2w = np.tile(np.eye(4), (len(w2c), 1, 1))
    c2w[:, :3, :3], c2w[:, :3, 3:] = turned, -turned @ w2c[:, :3, 3:]
    projection = focal[:, :, None] * w2c
    return np.stack([projection.swapaxes(1, 2), c2w / focal[:, None, :], projection], 1).astype(np.float32)


def transform(x: torch.Tensor, matrices: torch.Tensor) -> torch.Tensor:
    """x [B, heads, frames * tokens, head_dim] with each frame's matrix [frames, 4, 4] on every group of four channels.

    Computed in float32 whatever x is; the result has x's dtype.
    """
    frames = len(matrices)
    groups = x.float().unflatten(2, (frames, -1)).unflatten(-1, (-1, GROUP))  # [B, heads, F, tokens, groups, 4]
    if torch.onnx.is_in_onnx_export():
        # The same numbers. Of what is below, onnxscript's rewriter drops the flattening in some sizes (as many tokens
        # as frames are one), and has the matrices of frames act on tokens.
        return (groups @ matrices.float().transpose(1, 2)[:, None]).flatten(-2).flatten(2, 3).to(x.dtype)
    turned = groups.flatten(3, 4) @ matrices.float().transpose(1, 2)
    return turned.unflatten(3, groups.shape[3:5]).flatten(-2).flatten(2, 3).to(x.dtype)


def branches(k: torch.Tensor, v: torch.Tensor, turn: Table, cameras: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Keys and values [1, heads, tokens, head_dim] as the two branches see them, [2, heads, tokens, head_dim]."""
    matrices = cameras[:, KEY]
    return torch.cat([rotate(k, *turn), transform(k, matrices)]), torch.cat([v, transform(v, matrices)])


def read_branches(
    k: torch.Tensor, v: torch.Tensor, turn: Table, cameras: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """`branches` of what a compact ring holds: in front of the tokens of `turn` and `cameras` may be those of text,
    which both branches see as they are.
    """
    text, matrices = k.shape[2] - len(turn[0]), cameras[:, KEY]
    keys, values = k.repeat(2, 1, 1, 1), v.repeat(2, 1, 1, 1)
    keys[:1, :, text:] = rotate(k[:, :, text:], *turn)
    for both, part in ((keys, k), (values, v)):
        both[1:, :, text:] = transform(part[:, :, text:], matrices)
    return keys, values


def attend_twice(
    q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, run: LayerPass
) -> tuple[torch.Tensor, torch.Tensor]:
    """The rotary and the camera branch of self-attention, [1, heads, own tokens, head_dim] each.

    q: the process's own queries; k, v: everybody's keys and values, normed, neither turned nor transformed. The two lie
    on the ring's batch axis; a compact ring has k and v themselves, and both branches are made of them for every pass.
    `run.actions` are the pass's `factors`; for a compact ring those of all filled slots, the pass's last.
    """
    ring, split, cameras = run.rings["self"], run.split, run.actions
    if ring.place.slots is None:
        keys, values = ring.put(*branches(k, v, ring.place.turn, cameras))
    else:
        keys, values = read_branches(*ring.put(k, v), ring.place.slots, cameras)
        cameras = cameras[-(len(ring.place.turn[0]) * len(cameras) // len(ring.place.slots[0])) :]
    queries = torch.cat([rotate(q, *split.own(ring.place.turn)), transform(q, cameras[:, QUERY])])
    rotary, camera = ring.attend(run.attend, queries, keys, values).split(1)
    return rotary, transform(camera, cameras[:, OUT])
