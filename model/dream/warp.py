"""The exact part of a camera move: the last frame, reprojected by its own disparity into the cameras of the next chunk.

What a pinhole camera sees after a known motion is geometry wherever depth is known, so it is computed, not learned; the
network dreams what the warp leaves open (what came into view) and mends what it blurred. With zero disparity the warp
is the homography of a pure rotation (Hartley & Zisserman, Multiple View Geometry, sec. 13.1).
torch, batched and traceable: the same function serves training and the exported graph.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F

from model.dream.sampling import LookUp, sampled


def pixel_rays(height: int, width: int, focal: float, device=None) -> torch.Tensor:
    """Ray (x, y, 1) through each pixel centre, float32 [3, height * width]; principal point at the centre."""
    v, u = torch.meshgrid(
        torch.arange(height, device=device) + 0.5, torch.arange(width, device=device) + 0.5, indexing="ij"
    )
    return torch.stack([(u - width / 2) / focal, (v - height / 2) / focal, torch.ones_like(u)]).flatten(1)


def _close(key: torch.Tensor) -> torch.Tensor:
    """Morphological closing, 3x3: fills the one-pixel cracks that an expanding surface leaves when it is splatted."""
    grown = F.max_pool2d(key, 3, stride=1, padding=1)
    return -F.max_pool2d(-grown, 3, stride=1, padding=1)


def guess(
    anchor: torch.Tensor,
    anchor_from_target: torch.Tensor,
    rays: torch.Tensor,
    focal: float,
    look_up: LookUp = sampled,
) -> tuple[torch.Tensor, torch.Tensor]:
    """What a view may show of where nobody has looked: the start picture, continued all around.

    anchor: [B, 4, H, W] as `last` of `warp`; anchor_from_target: rotations [B, F, 3, 3]; rays [3, HW]. The middle of
    the picture is mirrored from sector to sector, so that the panorama closes without a seam, and keeps its distances.
    Returns RGB [B, F, 3, HW] and disparity in [0, 1] [B, F, 1, HW].
    """
    batch, _, height, width = anchor.shape
    frames = anchor_from_target.shape[1]
    x, y, z = (anchor_from_target @ rays).unbind(2)
    level = torch.sqrt(x * x + z * z).clamp_min(1e-4)
    near_axis = 2 * torch.atan(x / (level + z.abs()))  # atan2 by half angles: engines have atan alone
    azimuth = torch.where(z >= 0, near_axis, torch.where(x >= 0, math.pi, -math.pi) - near_axis)
    # As many sectors as fit a full turn, an even number of them, each no wider than the picture.
    width_angle = math.pi / math.ceil(math.pi / (2 * math.atan(width / 2 / focal)))
    sector = torch.floor(azimuth / width_angle + 0.5)
    odd = sector - 2 * torch.floor(sector / 2)
    inner = (azimuth - width_angle * sector) * (1 - 2 * odd)
    grid_x = torch.tan(inner) * (2 * focal / width)
    grid_y = y / (level * torch.cos(inner)) * (2 * focal / height)
    looked_up = look_up(anchor, grid_x.flatten(1), grid_y.flatten(1), "bilinear")
    looked_up = looked_up.view(batch, 4, frames, -1).transpose(1, 2)
    return looked_up[:, :, :3], (looked_up[:, :, 3:] + 1) / 2 * (level * torch.cos(inner)).unsqueeze(2)


def warp(
    last: torch.Tensor,
    anchor: torch.Tensor,
    target_from_source: torch.Tensor,
    anchor_from_target: torch.Tensor,
    focal: float,
    near: float,
    look_up: LookUp = sampled,
) -> torch.Tensor:
    """Reproject `last` into each target camera.

    last, anchor: float [B, 4, H, W], RGB and disparity (near / z), both mapped to [-1, 1]; the anchor is the start
    picture. target_from_source: float [B, F, 4, 4], rigid motions w2c(target) @ c2w(source), metres;
    anchor_from_target: rotations [B, F, 3, 3]. focal in pixels. Returns [B, F, 5, H, W]: RGB, disparity, and a mask
    that is 1 where the pixel is seen in `last`; elsewhere they are a first guess (see `guess`). Colours are looked up
    by cubic interpolation: what is warped again at every chunk would soon be blurred by a linear one.
    """
    batch, _, height, width = last.shape
    frames = target_from_source.shape[1]
    rays = pixel_rays(height, width, focal, last.device)
    rotation, shift = target_from_source[..., :3, :3], target_from_source[..., :3, 3:]
    disparity = (last[:, 3:].flatten(2).clamp(-1, 1) + 1) / 2  # [B, 1, HW]

    # Forward: where does each source pixel land, and how near is it there? Points are kept divided by their depth.
    moved = rotation @ rays + shift * (disparity / near).unsqueeze(1)  # [B, F, 3, HW]
    depth_ratio = moved[:, :, 2].clamp_min(0.05)
    column = torch.floor(focal * moved[:, :, 0] / depth_ratio + width / 2)
    row = torch.floor(focal * moved[:, :, 1] / depth_ratio + height / 2)
    inside = (column >= 0) & (column < width) & (row >= 0) & (row < height) & (moved[:, :, 2] > 0.05)
    index = (row.clamp(0, height - 1) * width + column.clamp(0, width - 1)).long()
    # The nearest surface wins; 1 is added so that a point at infinity differs from a pixel that nothing fell on.
    key = torch.where(inside, disparity / depth_ratio + 1, torch.zeros_like(depth_ratio))
    splat = torch.zeros_like(key).scatter_reduce(2, index, key, "amax", include_self=True)
    splat = _close(splat.view(batch * frames, 1, height, width)).view(batch, frames, 1, -1)

    # Backward: look each target pixel up in the source, at sub-pixel precision.
    inverse = rotation.transpose(-1, -2)
    seen = (splat > 0.5).to(last.dtype)
    back = inverse @ (rays - shift * ((splat - 1).clamp_min(0) / near))  # [B, F, 3, HW]
    back_depth = back[:, :, 2].clamp_min(0.05)
    grid_x = back[:, :, 0] / back_depth * (2 * focal / width)
    grid_y = back[:, :, 1] / back_depth * (2 * focal / height)
    seen = seen * ((grid_x.abs() <= 1) & (grid_y.abs() <= 1)).unsqueeze(2).to(last.dtype)
    grid = grid_x.flatten(1), grid_y.flatten(1)
    colour = look_up(last[:, :3], *grid, "bicubic").view(batch, 3, frames, -1).transpose(1, 2).clamp(-1, 1)
    # The disparity that is looked up is the source camera's; `back` is the point over the target's depth.
    nearness = (look_up(last[:, 3:], *grid, "bilinear").view(batch, 1, frames, -1).transpose(1, 2) + 1) / 2
    guessed, guessed_nearness = guess(anchor, anchor_from_target, rays, focal, look_up)
    colour = torch.where(seen > 0, colour, guessed)
    nearness = torch.where(seen > 0, nearness * back_depth.unsqueeze(2), guessed_nearness)
    picture = torch.cat([colour, (2 * nearness - 1).clamp(-1, 1), seen], 2)
    return picture.view(batch, frames, 5, height, width)
