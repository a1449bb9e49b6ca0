"""The standing buffers of a world's graphs, by port name: allocated once, written by the world and by its engine.

NumPy arrays or torch tensors; on a CPU either is the other one's view. Needs torch only where a tensor is asked for.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from model.graph import FLOAT, Contract, Port

Array = object  # np.ndarray or torch.Tensor


class Buffers:
    """See above. `given` arrays are used as they are: the caches of model/rings.py, for instance."""

    def __init__(self, contract: Contract, given: Mapping[str, Array] | None = None, device: object = None, dtype=None):
        """device, dtype: of torch; without a device, buffers are NumPy arrays and FLOAT is float32."""
        self.device, self.dtype = device, dtype
        if device is not None:
            import torch

            self.device = torch.device(device)
        self.graphs, self.ports = contract.graphs, contract.ports()
        self._arrays: dict[str, Array] = {}
        for name, port in self.ports.items():
            array = (given or {}).get(name)
            if array is not None and tuple(array.shape) != port.shape:
                raise ValueError(f"{name}: the graph wants {port.shape}, got {tuple(array.shape)}")
            self._arrays[name] = self._make(port) if array is None else array

    def _make(self, port: Port) -> Array:
        if self.device is None:
            return np.zeros(port.shape, np.float32 if port.dtype == FLOAT else port.dtype)
        import torch

        dtype = self.dtype if port.dtype == FLOAT else getattr(torch, port.dtype)
        return torch.zeros(port.shape, dtype=dtype, device=self.device)

    def __getitem__(self, name: str) -> Array:
        return self._arrays[name]

    def put(self, name: str, value: Array) -> None:
        """Copy `value`, of either kind, into the buffer; shapes must agree."""
        buffer = self._arrays[name]
        if isinstance(buffer, np.ndarray):
            np.copyto(buffer, value)
            return
        import torch

        source = torch.as_tensor(value)
        if source.shape != buffer.shape:
            raise ValueError(f"{name}: the graph wants {tuple(buffer.shape)}, got {tuple(source.shape)}")
        buffer.copy_(source, non_blocking=True)

    def numpy(self, name: str) -> np.ndarray:
        """The buffer as a NumPy array: itself, or a view of a tensor on the CPU."""
        buffer = self._arrays[name]
        return buffer if isinstance(buffer, np.ndarray) else buffer.numpy()

    def tensor(self, name: str):
        """The buffer as a torch tensor: itself, or a view of an array."""
        buffer = self._arrays[name]
        if not isinstance(buffer, np.ndarray):
            return buffer
        import torch

        return torch.from_numpy(buffer)

    def own(self, array: np.ndarray) -> Array:
        """An array as one of this kind: itself, or a tensor on the device."""
        if self.device is None:
            return array
        import torch

        return torch.from_numpy(array).to(self.device)

    def read(self, name: str) -> np.ndarray:
        """The contents as a NumPy array on the CPU, which may be the buffer itself."""
        buffer = self._arrays[name]
        return buffer if isinstance(buffer, np.ndarray) else buffer.cpu().numpy()

    def twin(self, contract: Contract) -> Buffers:
        """Buffers of the same kind, all zeros, that share nothing with these."""
        return Buffers(contract, None, self.device, self.dtype)

    @property
    def bytes(self) -> int:
        return sum(array.nbytes for array in self._arrays.values())
