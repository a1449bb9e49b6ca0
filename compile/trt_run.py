"""Runs of TensorRT's engines over the standing buffers: addresses, streams and what is copied back. Needs torch."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

import torch

from compile.buffers import Buffers
from model.graph import FLOAT, Graph, Unavailable

if TYPE_CHECKING:
    from compile.engines.trt import Trt

TYPES = {torch.float32: "FLOAT", torch.float16: "HALF", torch.bfloat16: "BF16"}  # by TensorRT's names


class Lane:
    """The stream that runs are queued on: torch's current one. The default stream can neither be captured nor does
    TensorRT run on it without waiting: there, one of our own takes its place in the queue.
    """

    def __init__(self, device: object) -> None:
        """device: of the buffers; None, or a CPU, where there are no streams, as in tests."""
        self._device = torch.device(device or "cpu")
        self._own = torch.cuda.Stream(self._device) if self._device.type == "cuda" else None

    @contextlib.contextmanager
    def entered(self) -> Iterator[int]:
        """Within it torch's operations go to the stream, too. Gives the stream's handle."""
        if self._own is None:
            yield 0
            return
        current = torch.cuda.current_stream(self._device)
        if current.cuda_stream:
            yield current.cuda_stream
            return
        self._own.wait_stream(current)
        with torch.cuda.stream(self._own):
            yield self._own.cuda_stream
        current.wait_stream(self._own)


class BoundGraph:
    """An engine's context over the buffers.

    A cache that the engine updates in place has one address, in and out. Every other update gets a buffer of its own
    and is copied back behind the run: that an engine may write its input while it reads it is promised for no other.
    """

    def __init__(self, engine: Trt, graph: Graph, buffers: Buffers, lane: Lane) -> None:
        """Raises Unavailable where the buffers have another precision than the engine."""
        self._engine, self._name, self._lane = engine, graph.name, lane
        self._context, self._cache = engine.context(graph.name)
        self._back: list[tuple[torch.Tensor, torch.Tensor]] = []
        plan = engine.engine(graph.name)
        for name in (plan.get_tensor_name(index) for index in range(plan.num_io_tensors)):
            port = name if name in buffers.ports else name.removesuffix("_out")
            tensor = buffers.tensor(port)
            if buffers.ports[port].dtype == FLOAT:
                require_type(plan.get_tensor_dtype(name).name, tensor, port)
            if port != name and plan.get_aliased_input_tensor(name) != port:
                own = torch.zeros_like(tensor)
                self._back.append((tensor, own))
                tensor = own
            self._context.set_tensor_address(name, tensor.data_ptr())

    def run(self) -> None:
        """Queue the run and the copies behind it, without waiting."""
        with self._lane.entered() as stream, torch.inference_mode():
            if not self._context.execute_async_v3(stream):
                raise RuntimeError(f"TensorRT does not run {self._name}: {self._engine.last_error}")
            for standing, own in self._back:
                standing.copy_(own)
        if self._cache is not None:  # it has now what the first run compiled
            self._engine.save(self._name, self._cache)
            self._cache = None


def require_type(kind: str, tensor: torch.Tensor, port: str) -> None:
    if kind != TYPES.get(tensor.dtype):
        wanted = str(tensor.dtype).removeprefix("torch.")
        raise Unavailable(f"computes in {kind} and the world is run in {wanted} ({port})")
