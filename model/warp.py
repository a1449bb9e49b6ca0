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


def _look_up(picture: torch.Tensor, grid: torch.Tensor, mode: str) -> torch.Tensor:
    return F.grid_sample(picture, grid, mode=mode, padding_mode="reflection", align_corners=False)


def warp(last: torch.Tensor, target_from_source: torch.Tensor, focal: float, near: float) -> torch.Tensor:
    """Reproject `last` into each target camera.

    last: float [B, 4, H, W], RGB and disparity (near / z), both mapped to [-1, 1]. target_from_source: float
    [B, F, 4, 4], rigid motions w2c(target) @ c2w(source), metres. focal in pixels. Returns [B, F, 5, H, W]: RGB,
    disparity, and a mask that is 1 where the pixel is seen in `last`. Where it is not, they are a first guess, marked
    as one: beyond its sides the picture goes on with its other side, as a panorama of its own width would. Colours
    are looked up by cubic interpolation: what is warped again at every chunk would soon be blurred by a linear one.
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
    level = torch.sqrt(back[:, :, 0] ** 2 + back_depth**2)  # distance in the plane of the camera's x and z axes
    azimuth = torch.atan(back[:, :, 0] / back_depth)
    half = math.atan(width / 2 / focal)
    around = azimuth - 2 * half * torch.floor((azimuth + half) / (2 * half))
    grid_x = torch.tan(around) * (2 * focal / width)
    grid_y = back[:, :, 1] / (level * torch.cos(around)) * (2 * focal / height)
    outside = (azimuth - around).abs() > half
    seen = seen * (~outside & (grid_y.abs() <= 1)).unsqueeze(2).to(last.dtype)
    grid = torch.stack([grid_x, grid_y], -1).view(batch, frames * height, width, 2)
    colour = _look_up(last[:, :3], grid, "bicubic").view(batch, 3, frames, -1).transpose(1, 2).clamp(-1, 1)
    # The disparity that is looked up is the source camera's; `back` is the point over the target's depth. What was
    # brought around from the other side keeps its distance, not its depth.
    looked_up = (_look_up(last[:, 3:], grid, "bilinear").view(batch, 1, frames, -1).transpose(1, 2) + 1) / 2
    nearness = (2 * looked_up * (level * torch.cos(around)).unsqueeze(2) - 1).clamp(-1, 1)
    return torch.cat([colour, nearness, seen], 2).view(batch, frames, 5, height, width)
