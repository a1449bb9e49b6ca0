"""ONNX Runtime as an engine: a session per graph, bound to buffers that live as long as the world does.

An input and an output that share a buffer are run in place (ONNX Runtime writes TensorScatter into the cache it was
given); nothing is allocated or copied per call beyond the small inputs. It knows nothing of worlds.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime as ort

from runtime.errors import UserError


def session_options(threads: int) -> ort.SessionOptions:
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # Spinning threads would take the very cores that the game loop needs (measured: docs and bench/cpu.py).
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3
    return options


class BoundGraph:
    """One graph with every input and output bound to a NumPy array that the caller reads and writes in place."""

    def __init__(self, path: Path, threads: int, shared: dict[str, np.ndarray] | None = None) -> None:
        """shared: arrays by tensor name to bind instead of fresh ones (caches, or another graph's output).

        An output NAME_out is bound to the array of the input NAME: one buffer, updated in place.
        """
        try:
            self.session = ort.InferenceSession(str(path), session_options(threads), ["CPUExecutionProvider"])
        except Exception as error:  # ONNX Runtime raises its own kinds for a broken file, all with the reason in words
            reason = str(error).splitlines()[0][:160]
            raise UserError(
                f"the graph does not load: {reason}", str(path), "restore it from the repository"
            ) from error
        self.binding = self.session.io_binding()
        self.arrays: dict[str, np.ndarray] = {}
        given = shared or {}
        for node in self.session.get_inputs():
            self._bind(node, given.get(node.name), self.binding.bind_ortvalue_input)
        for node in self.session.get_outputs():
            in_place = self.arrays.get(node.name.removesuffix("_out"))
            self._bind(node, given.get(node.name, in_place), self.binding.bind_ortvalue_output)

    def _bind(self, node, array: np.ndarray | None, bind) -> None:
        dtype = {"tensor(float)": np.float32, "tensor(int64)": np.int64, "tensor(uint8)": np.uint8}[node.type]
        if array is None:
            array = np.zeros(node.shape, dtype)
        if list(array.shape) != list(node.shape) or array.dtype != dtype:
            raise ValueError(f"{node.name}: the graph wants {node.shape} {dtype}, got {array.shape} {array.dtype}")
        self.arrays[node.name] = array
        bind(node.name, ort.OrtValue.ortvalue_from_numpy(array))

    def run(self) -> None:
        self.session.run_with_iobinding(self.binding)
