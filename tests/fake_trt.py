"""A stand-in for TensorRT for RTX: the same calls, but an engine file names an ONNX graph, which ONNX Runtime computes.

Addresses are those of CPU tensors. As with the real one, only caches may be updated in place: another update whose
input and output share an address is refused.
"""

from __future__ import annotations

import ctypes
import json
import struct
from enum import Enum
from pathlib import Path
from types import SimpleNamespace

import numpy as np

from compile.trt_files import FACTS, engine_path

DTYPES = {"tensor(float)": "FLOAT", "tensor(int64)": "INT64", "tensor(bool)": "BOOL", "tensor(uint8)": "UINT8"}
NUMPY = {"FLOAT": np.float32, "INT64": np.int64, "BOOL": np.bool_, "UINT8": np.uint8}


class DataType(Enum):
    FLOAT, HALF, BF16, INT64, BOOL, UINT8 = range(6)


class ILogger:
    def __init__(self) -> None:
        pass


def pack(path: Path) -> bytes:
    """An engine file that stands for an ONNX graph."""
    body = str(path).encode()
    return b"vtrt" + bytes(12) + struct.pack("<Q", 24 + len(body)) + body


class Engine:
    def __init__(self, path: Path) -> None:
        import onnx
        import onnxruntime as ort

        options = ort.SessionOptions()
        options.log_severity_level, options.intra_op_num_threads = 3, 1
        self.session = ort.InferenceSession(str(path), options, ["CPUExecutionProvider"])
        nodes = onnx.load(str(path), load_external_data=False).graph.node
        self.aliases = {node.output[0]: node.input[0] for node in nodes if node.op_type == "TensorScatter"}
        self.inputs = {node.name: node for node in self.session.get_inputs()}
        self.outputs = {node.name: node for node in self.session.get_outputs()}
        self.names = [*self.inputs, *self.outputs]
        self.num_io_tensors = len(self.names)

    def get_tensor_name(self, index: int) -> str:
        return self.names[index]

    def get_tensor_dtype(self, name: str) -> DataType:
        return DataType[DTYPES[(self.inputs | self.outputs)[name].type]]

    def get_aliased_input_tensor(self, name: str) -> str | None:
        return self.aliases.get(name)

    def create_runtime_config(self) -> SimpleNamespace:
        return SimpleNamespace(create_runtime_cache=Cache, set_runtime_cache=lambda cache: True)

    def create_execution_context(self, config) -> Context:
        assert config.cuda_graph_strategy == 1
        return Context(self)


class Cache:
    def __init__(self) -> None:
        self.content = b"empty"

    def serialize(self) -> bytes:
        return b"compiled"

    def deserialize(self, blob: bytes) -> bool:
        assert blob == b"compiled"
        return True


class Context:
    def __init__(self, engine: Engine) -> None:
        self.engine, self.addresses, self.runs = engine, {}, 0

    def set_tensor_address(self, name: str, address: int) -> bool:
        self.addresses[name] = address
        return True

    def execute_async_v3(self, stream: int) -> bool:
        engine = self.engine
        inputs = {name: self._array(name, node).copy() for name, node in engine.inputs.items()}
        for name in engine.outputs:
            shared = [other for other in engine.inputs if self.addresses[other] == self.addresses[name]]
            assert shared == ([engine.aliases[name]] if name in engine.aliases else []), f"{name} lies on {shared}"
        made = engine.session.run(list(engine.outputs), inputs)
        for (name, node), value in zip(engine.outputs.items(), made, strict=True):
            self._array(name, node)[...] = value
        self.runs += 1
        return True

    def _array(self, name: str, node) -> np.ndarray:
        dtype, shape = np.dtype(NUMPY[DTYPES[node.type]]), tuple(node.shape)
        size = int(np.prod(shape)) * dtype.itemsize
        raw = (ctypes.c_char * size).from_address(self.addresses[name])
        return np.frombuffer(raw, dtype).reshape(shape)


class Runtime:
    def __init__(self, logger: ILogger) -> None:
        self._logger = logger

    def deserialize_cuda_engine(self, raw: bytes) -> Engine | None:
        path = Path(raw[24:].decode(errors="replace"))
        if not path.is_file():
            self._logger.log(SimpleNamespace(name="ERROR"), "nothing that was ever built")
            return None
        return Engine(path)


def library() -> SimpleNamespace:
    """What stands for the module; a new one each time, so that nothing is remembered of another."""

    class Module(SimpleNamespace):
        __hash__ = object.__hash__

    return Module(
        __name__="tensorrt_rtx",
        ILogger=ILogger,
        Runtime=Runtime,
        DataType=DataType,
        CudaGraphStrategy=SimpleNamespace(WHOLE_GRAPH_CAPTURE=1),
        ComputeCapability=SimpleNamespace(SM75=75, SM80=80, SM86=86, SM89=89, SM120=120),
    )


def store(job, paths: dict[str, Path], refused: dict[str, str]) -> None:
    """Leave in a job's folder what a build of these exports would."""
    built = [name for name, graph in job.contract.graphs.items() if name not in refused and not graph.within]
    for name in built:
        engine_path(job.folder, name).write_bytes(pack(paths[name]))
    facts = {"library": "tensorrt_rtx", "version": "0", "target": "", "refused": refused}
    facts["built"] = {name: {"seconds": 0, "bytes": 0} for name in built}
    (job.folder / FACTS).write_text(json.dumps(facts))
