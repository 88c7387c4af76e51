"""A small writer of ONNX graphs: nodes by name, weights handed over in memory (a graph file ends at 2 GB)."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

_KIND = {np.dtype(np.float32): TensorProto.FLOAT, np.dtype(np.int8): TensorProto.INT8}
CONTRIB = "com.microsoft"  # operators that ONNX Runtime fuses its own exports into
OPSET = 17


class Graph:
    """Collects nodes; every call of `add` returns the name of its output."""

    def __init__(self) -> None:
        """Start an empty graph."""
        self.weights: dict[str, NDArray[Any]] = {}
        self._shapes: list[onnx.TensorProto] = []
        self._nodes: list[onnx.NodeProto] = []
        self._inputs: list[onnx.ValueInfoProto] = []

    def input(self, name: str, shape: tuple[int, ...]) -> str:
        """Return a float32 input."""
        self._inputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, shape))
        return name

    def weight(self, name: str, value: NDArray[Any]) -> str:
        """Return a constant; the array must stay alive as long as sessions of this graph."""
        self.weights[name] = np.ascontiguousarray(value)
        return name

    def integers(self, name: str, values: tuple[int, ...]) -> str:
        """Return a constant list, such as a shape; it stands in the graph itself, where shape inference finds it."""
        self._shapes.append(numpy_helper.from_array(np.array(values, np.int64), name))
        return name

    def add(self, op: str, *inputs: str, domain: str = "", outputs: int = 1, **attributes: Any) -> Any:
        """Add one node; returns its output name, or a list when it has several."""
        stem = f"{op.lower()}_{len(self._nodes)}"
        names = [stem] if outputs == 1 else [f"{stem}_{i}" for i in range(outputs)]
        node = helper.make_node(op, list(inputs), names, name=stem, domain=domain, **attributes)
        self._nodes.append(node)
        return names[0] if outputs == 1 else names

    def finish(self, output: str, name: str, shape: tuple[int, ...]) -> bytes:
        """Return the serialised model with the one output `output`, renamed `name`; weights are external."""
        self._nodes.append(helper.make_node("Identity", [output], [name], name="result"))
        graph = helper.make_graph(
            self._nodes,
            "action_expert",
            self._inputs,
            [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)],
            [*self._shapes, *(_external(key, value) for key, value in self.weights.items())],
        )
        opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid(CONTRIB, 1)]
        model = helper.make_model(graph, opset_imports=opsets, ir_version=9)
        serialised: bytes = model.SerializeToString()
        return serialised


def _external(name: str, value: NDArray[Any]) -> onnx.TensorProto:
    tensor = TensorProto(name=name, data_type=_KIND[value.dtype], dims=value.shape)
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="in_memory")
    return tensor
