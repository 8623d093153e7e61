"""Small encoders as ONNX files: the mean of each 4 x 4 block of pixels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

onnx = pytest.importorskip("onnx", reason="onnx makes the models of these tests")
pytest.importorskip("onnxruntime", reason="onnxruntime runs them")


def _pool(name: str) -> list[Any]:
    make = onnx.helper.make_node
    return [
        make("AveragePool", [name], ["pooled"], kernel_shape=[4, 4], strides=[4, 4]),
        make("Flatten", ["pooled"], ["vectors"]),
    ]


def _write(path: Path, nodes: list[Any], pixels: Any) -> Path:
    vectors = onnx.helper.make_tensor_value_info("vectors", onnx.TensorProto.FLOAT, [None, None])
    graph = onnx.helper.make_graph(nodes, "encoder", [pixels], [vectors])
    opset = [onnx.helper.make_opsetid("", 17)]
    onnx.save(onnx.helper.make_model(graph, opset_imports=opset, ir_version=8), path)
    return path


def write_bytes_model(path: Path, side: int = 32) -> Path:
    """Write a model of (B, side, side, 3) uint8."""
    make = onnx.helper.make_node
    nodes = [
        make("Cast", ["pixels"], ["floats"], to=onnx.TensorProto.FLOAT),
        make("Transpose", ["floats"], ["channels"], perm=[0, 3, 1, 2]),
        *_pool("channels"),
    ]
    shape = [None, side, side, 3]
    pixels = onnx.helper.make_tensor_value_info("pixels", onnx.TensorProto.UINT8, shape)
    return _write(path, nodes, pixels)


def write_float_model(path: Path, side: int | None) -> Path:
    """Write a model of (B, 3, side, side) floats; None for any size."""
    shape = [None, 3, side, side]
    pixels = onnx.helper.make_tensor_value_info("pixels", onnx.TensorProto.FLOAT, shape)
    return _write(path, _pool("pixels"), pixels)
