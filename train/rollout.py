"""Stage B: the network learns from its own roll-outs, with the sampler, the steps and the caches of play.

Self-Forcing (Huang et al. 2025): every chunk is sampled from the caches and the warp of what was dreamt before it, so
the network meets its own errors and learns to mend them; only the last pass of a chunk is differentiated. A small
critic of patches keeps few-step pictures from blur (adversarial distillation, as in DMD2, Yin et al. 2024).
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.nn.utils.parametrizations import spectral_norm

from model.dream.ages import ages, window
from model.dream.config import DreamConfig
from model.dream.network import DreamNet
from model.sampler import renoise
from train.clipset import Batch, unknown_depth, warp_chunks
from train.objective import Weights, chunk_loss

CRITIC_STEPS = 3
ADVERSARIAL = 0.7  # gradient of the critic's term, as a share of the reconstruction's, both at the picture
GAIN = 8.0  # spectral norms bound the critic's slope; its loss wants outputs of order 1


class Critic(nn.Module):
    """Realism of each patch of a chunk: float [M, 4 F, H, W] to [M, 1, H / 8, W / 8]."""

    def __init__(self, config: DreamConfig) -> None:
        super().__init__()
        widths = (config.channels * 4, 96, 160, 160)
        self.layers = nn.ModuleList(
            spectral_norm(nn.Conv2d(a, b, k, s, 1))
            for a, b, k, s in zip(widths, widths[1:], (4, 4, 3), (2, 2, 1), strict=False)
        )
        self.out = spectral_norm(nn.Conv2d(widths[-1], 1, 3, padding=1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = F.pixel_unshuffle(x, 2)
        for layer in self.layers:
            x = F.leaky_relu(layer(x), 0.2)
        return GAIN * self.out(x)


class Rollout:
    """A batch of walks in progress: caches, last frames and chunk number, advanced as play advances them."""

    def __init__(self, net: DreamNet, start: torch.Tensor) -> None:
        """start: float [B, 4, H, W] in [-1, 1]; its depth is not looked at."""
        self.net, self.chunk = net, 0
        self.last = self.anchor = unknown_depth(start)
        self.start = start
        self.caches = net.empty_caches(len(start))

    def warp(self, relative: torch.Tensor, turned: torch.Tensor) -> torch.Tensor:
        """The present chunk's first guess, [B, 1, F, 5, H, W]."""
        parts = (self.last.unsqueeze(1), self.anchor, relative.unsqueeze(1), turned.unsqueeze(1))
        return warp_chunks(*parts, self.net.config)

    def _place(self, t: float) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Level, slot and ages of the present chunk, as the network wants them."""
        past, device, batch = self.net.config.past, self.last.device, len(self.last)
        slot = torch.full((batch,), window(past).slot_of(self.chunk), dtype=torch.long, device=device)
        return torch.full((batch, 1), t, device=device), slot, torch.from_numpy(ages(self.chunk, past)).to(device)

    def predict(self, x: torch.Tensor, t: float, warped: torch.Tensor, plucker: torch.Tensor) -> torch.Tensor:
        """One network pass over the present chunk x [B, 4 F, H, W]; returns x_0. The caches stay as they are."""
        level, slot, age = self._place(t)
        x0, _ = self.net.cached(x.unsqueeze(1), level, warped, plucker.unsqueeze(1), self.caches, slot, age)
        return x0[:, 0].float()

    @torch.no_grad()
    def commit(self, clean: torch.Tensor, warped: torch.Tensor, plucker: torch.Tensor) -> torch.Tensor:
        """Write the finished chunk into the caches and make its last frame the one to warp from."""
        clean = clean.detach().clamp(-1, 1)
        if self.chunk == 0:  # the start picture is known; only its depth was dreamt
            frames = clean.unflatten(1, (-1, 4))
            known = self.start[:, None, :3].expand(-1, frames.shape[1], -1, -1, -1)
            clean = torch.cat([known, frames[:, :, 3:]], 2).flatten(1, 2)
            self.anchor = clean[:, -4:]
        level, slot, age = self._place(0.0)
        condition = (warped, plucker.unsqueeze(1))
        self.caches = self.net.commit(clean.unsqueeze(1), level, *condition, self.caches, slot, age)
        self.last = clean[:, -4:]
        self.chunk += 1
        return clean


def dream_chunk(
    walk: Rollout, relative: torch.Tensor, turned: torch.Tensor, plucker: torch.Tensor, generator: torch.Generator
) -> torch.Tensor:
    """Sample and commit the next chunk without gradients: float [B, 4 F, H, W]."""
    with torch.no_grad():
        warped = walk.warp(relative, turned)
        x0 = draw_chunk(walk, warped, plucker, generator, len(walk.net.config.steps) - 1)
        return walk.commit(x0, warped, plucker)


def draw_chunk(walk: Rollout, warped, plucker, generator: torch.Generator, last_step: int):
    """Follow the sampler's plan up to `last_step`; gradients (if enabled) flow through that pass alone."""
    x0 = None
    for index, t in enumerate(walk.net.config.steps[: last_step + 1]):
        noise = torch.randn(len(walk.last), walk.net.config.channels, *walk.last.shape[-2:], generator=generator)
        noise = noise.to(walk.last.device)
        x = noise if x0 is None else renoise(x0.detach().clamp(-1, 1), noise, t)
        with torch.set_grad_enabled(torch.is_grad_enabled() and index == last_step):
            x0 = walk.predict(x, t, warped, plucker)
    return x0


def backward(x0: torch.Tensor, loss: torch.Tensor, realism: torch.Tensor, scale: float) -> None:
    """Backward of loss - realism, the latter brought to ADVERSARIAL times the former's size at the picture itself."""
    toward_truth = torch.autograd.grad(loss, x0, retain_graph=True)[0]
    toward_real = torch.autograd.grad(-realism, x0, retain_graph=True)[0]
    ratio = ADVERSARIAL * toward_truth.norm() / toward_real.norm().clamp_min(1e-12)
    x0.backward((toward_truth + ratio * toward_real) * scale)


def self_rollout(
    net: DreamNet, critic: Critic, critic_optimizer, batch: Batch, generator: torch.Generator, weights: Weights
) -> dict[str, float]:
    """Roll the batch out along its walk and then along the same motions once more, where no truth is known; learn from
    half of the chunks, backward as it goes; then train the critic. Returns figures to log."""
    chunks = batch.clean.shape[1]
    random = np.random.default_rng(generator.initial_seed())
    draws = torch.Generator().manual_seed(generator.initial_seed())
    walk = Rollout(net, batch.frames[:, 0])
    order = [*range(chunks), *range(1, chunks)]
    learnt = set(random.choice(len(order), (len(order) + 1) // 2, replace=False).tolist())
    losses, realness, fakes = [], [], []
    for turn, chunk in enumerate(order):
        relative, plucker = batch.relative[:, chunk], batch.plucker[:, chunk]
        with torch.autocast(relative.device.type, torch.bfloat16):
            warped = walk.warp(relative, batch.turned[:, chunk])
            if turn in learnt:
                x0 = draw_chunk(walk, warped, plucker, draws, int(random.integers(len(net.config.steps))))
                loss = chunk_loss(x0, warped[:, 0], batch.clean[:, chunk] if turn < chunks else None, weights)
                realism = critic(x0).float().mean()
                backward(x0, loss, realism, 1 / len(learnt))
                losses.append(float(loss.detach()))
                realness.append(float(realism.detach()))
            else:
                with torch.no_grad():
                    x0 = draw_chunk(walk, warped, plucker, draws, 0)
            fakes.append(walk.commit(x0, warped, plucker))
    reals = batch.clean[:, order]
    critic_loss = train_critic(critic, critic_optimizer, reals, torch.stack(fakes, 1), random)
    return {"loss": float(np.mean(losses)), "realism": float(np.mean(realness)), "critic": critic_loss}


def train_critic(critic: Critic, optimizer, real: torch.Tensor, fake: torch.Tensor, random) -> float:
    """A few steps on pairs of the rendered and the dreamt chunk of the same walk; chunk 0, which is given, left out.

    Relativistic pairing (Huang et al. 2024, "The GAN is dead; long live the GAN!"): log 2 means that it cannot tell.
    """
    total = 0.0
    for _ in range(CRITIC_STEPS):
        chosen = random.choice(np.arange(1, real.shape[1]), size=3, replace=False).tolist()
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast(real.device.type, torch.bfloat16):
            true, dreamt = (critic(part[:, chosen].flatten(0, 1)).float() for part in (real, fake))
        loss = F.softplus(dreamt - true).mean()
        loss.backward()
        optimizer.step()
        total += float(loss.detach()) / CRITIC_STEPS
    return total
