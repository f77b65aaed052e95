"""Two other dynamic int8 quantizers, for bench/onnxruntime.ts to time beside pare's: python3 dynamic.py IN.onnx OUT

Writes OUT.minimal.onnx (the smallest rewrite that ONNX Runtime fuses; MatMul and Gemm with constant weights) and
OUT.ort.onnx (ONNX Runtime's own tool). Needs: pip install onnx==1.23.2 onnxruntime==1.32.0
"""

import sys

import numpy as np
import onnx
from onnx import helper, numpy_helper
from onnxruntime.quantization import QuantType, quantize_dynamic


def minimal(model: onnx.ModelProto) -> None:
    graph = model.graph
    weights = {tensor.name: tensor for tensor in graph.initializer}
    nodes, quantized, done = [], {}, set()
    for node in graph.node:
        if node.op_type not in ("MatMul", "Gemm") or node.input[1] not in weights:
            nodes.append(node)
            continue
        x, w = node.input[0], node.input[1]
        if w not in done:
            done.add(w)
            values = numpy_helper.to_array(weights[w])
            scale = np.abs(values).max() / 127
            integers = np.clip(np.round(values / scale), -127, 127).astype(np.int8)
            graph.initializer.append(numpy_helper.from_array(integers, w + "_q"))
            graph.initializer.append(numpy_helper.from_array(np.float32(scale), w + "_s"))
            graph.initializer.append(numpy_helper.from_array(np.int8(0), w + "_z"))
        if x not in quantized:
            quantized[x] = [x + "_q", x + "_s", x + "_z"]
            nodes.append(helper.make_node("DynamicQuantizeLinear", [x], quantized[x]))
        xq, xs, xz = quantized[x]
        y = node.output[0]
        gemm = node.op_type == "Gemm"
        nodes += [
            helper.make_node("MatMulInteger", [xq, w + "_q", xz, w + "_z"], [y + "_i"]),
            helper.make_node("Cast", [y + "_i"], [y + "_f"], to=onnx.TensorProto.FLOAT),
            helper.make_node("Mul", [xs, w + "_s"], [y + "_sc"]),
            helper.make_node("Mul", [y + "_f", y + "_sc"], [y + "_m" if gemm else y]),
        ]
        if gemm:
            nodes.append(helper.make_node("Add", [y + "_m", node.input[2]], [y]))
    used = {name for node in nodes for name in node.input}
    kept = [tensor for tensor in graph.initializer if tensor.name in used]
    del graph.node[:]
    del graph.initializer[:]
    graph.node.extend(nodes)
    graph.initializer.extend(kept)


if __name__ == "__main__":
    source, out = sys.argv[1:]
    model = onnx.load(source)
    minimal(model)
    onnx.save(model, out + ".minimal.onnx")
    quantize_dynamic(source, out + ".ort.onnx", weight_type=QuantType.QInt8)
