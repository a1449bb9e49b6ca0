"""Decoding beside denoising: latent frames in, BGRA bytes on the host out, each as soon as it is there. Torch only.

On a GPU the decoder has a stream of its own, so that a chunk's last frames are decoded while the next chunk is being
denoised; bytes travel through pinned memory without holding anybody up, and only who wants a frame waits for it. On a
CPU nothing runs beside anything: a latent frame is decoded when its first picture is asked for. A GPU that is short of
memory decodes in turn with denoising, in the memory that this has just left.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import torch

# One latent frame [1, C, 1, h, w] to pictures uint8 BGRA [T, H, W, 4], which are good until the next call.
Decode = Callable[[torch.Tensor], torch.Tensor]


def to_bgra(pictures: torch.Tensor) -> torch.Tensor:
    """[1, 3, T, H, W] in [-1, 1] to uint8 [T, H, W, 4]; truncated, not rounded, as the official writer does."""
    levels = ((pictures[0].float() + 1) * 127.5).clamp(0, 255)
    opaque = torch.full_like(levels[:1], 255)
    # TensorRT has bytes only at a graph's very end, so they are put in order before.
    return torch.cat([levels.flip(0), opaque]).permute(1, 2, 3, 0).contiguous().to(torch.uint8)


class DecodeLane:
    """`overlaps` says whether decoding goes on by itself once it was started. `device` is the decoder's: it may be
    another one than that of the latents. in_turn: decode on the stream that denoises.
    """

    def __init__(self, decode: Decode, device: torch.device, in_turn: bool = False) -> None:
        self._decode, self._device = decode, device
        self._stream = None
        if device.type == "cuda":
            self._stream = torch.cuda.current_stream(device) if in_turn else torch.cuda.Stream(device)

    @property
    def overlaps(self) -> bool:
        return self._stream is not None

    def start(self, latents: torch.Tensor) -> Iterator[np.ndarray]:
        """Pictures uint8 BGRA [H, W, 4] of latent frames [frames, C, h, w], in order; each is the caller's own."""
        parts = [latent[None, :, None] for latent in latents]
        return self._now(parts) if self._stream is None else self._delivered(self._launch(parts))

    def settle(self) -> None:
        """What is queued on the current stream from here on comes after all decoding that was started."""
        if self._stream is not None:
            torch.cuda.current_stream(self._stream.device).wait_stream(self._stream)

    def _now(self, parts: list[torch.Tensor]) -> Iterator[np.ndarray]:
        for latent in parts:
            with torch.inference_mode():
                pictures = self._decode(latent).numpy().copy()
            yield from pictures

    def _launch(self, parts: list[torch.Tensor]) -> list[tuple[torch.cuda.Event, torch.Tensor]]:
        """Queue the decoding of all parts and the copies of their bytes; returns at once."""
        launched = []
        self._stream.wait_stream(torch.cuda.current_stream(parts[0].device))
        with torch.inference_mode(), torch.cuda.stream(self._stream):
            for latent in parts:
                # The allocator must not hand its memory to the other stream while this one still reads it.
                latent.record_stream(self._stream)
                pictures = self._decode(latent.to(self._device, non_blocking=True))
                host = torch.empty(pictures.shape, dtype=torch.uint8, pin_memory=True)
                host.copy_(pictures, non_blocking=True)
                launched.append((self._stream.record_event(), host))
        return launched

    @staticmethod
    def _delivered(launched: list[tuple[torch.cuda.Event, torch.Tensor]]) -> Iterator[np.ndarray]:
        for event, host in launched:
            event.synchronize()
            yield from host.numpy().copy()
