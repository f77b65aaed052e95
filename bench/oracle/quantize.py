"""What Python's onnxruntime.quantization makes of a model, to hold pare's quantizers against.

Pinned: Python 3.11, onnx 1.23.2, onnxruntime 1.32.0, numpy 2.4.6, ml_dtypes 0.6.0. Nothing in the package or its tests needs this script;
its goldens are committed.

  quantize.py goldens FOLDER                  small models and what each quantizer makes of them
  quantize.py quantize IN OUT VARIANT         one model by one variant (see VARIANTS)
  quantize.py check IN PARE VARIANT           pare's file against the oracle's, tensor for tensor
  quantize.py weights IN PARE [reduce]        pare's DequantizeLinear weights against quant_utils.quantize_data
"""

import copy
import logging
import sys
import tempfile
from collections import Counter
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto as T
from onnx import helper as h
from onnx import numpy_helper as nh
from onnxruntime.quantization import QuantType, quant_utils, quantize_dynamic
from onnxruntime.quantization.matmul_bnb4_quantizer import MatMulBnb4Quantizer
from onnxruntime.quantization.matmul_nbits_quantizer import MatMulNBitsQuantizer

logging.disable(logging.WARNING)

dynamic = lambda **options: ("dynamic", options)
nbits = lambda **options: ("nbits", options)
VARIANTS = {
    "int8": dynamic(weight_type=QuantType.QInt8),
    "uint8": dynamic(weight_type=QuantType.QUInt8),
    "int8-channel": dynamic(weight_type=QuantType.QInt8, per_channel=True),
    "uint8-channel": dynamic(weight_type=QuantType.QUInt8, per_channel=True),
    "int8-reduced": dynamic(weight_type=QuantType.QInt8, reduce_range=True),
    "uint8-reduced": dynamic(weight_type=QuantType.QUInt8, reduce_range=True),
    "int8-channel-reduced": dynamic(weight_type=QuantType.QInt8, per_channel=True, reduce_range=True),
    "int4": nbits(block_size=32, is_symmetric=True),
    "uint4": nbits(block_size=32, is_symmetric=False),
    "int4-128": nbits(block_size=128, is_symmetric=True),
    "nf4": ("bnb4", {"quant_type": MatMulBnb4Quantizer.NF4}),
    "fp4": ("bnb4", {"quant_type": MatMulBnb4Quantizer.FP4}),
}


def hoist(graph):
    """Moves tensors of Constant nodes into initializers, which is where the oracle looks for weights."""
    kept = []
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.type == onnx.AttributeProto.GRAPH:
                hoist(attribute.g)
        value = next((a.t for a in node.attribute if a.name == "value"), None) if node.op_type == "Constant" else None
        if value is None:
            kept.append(node)
            continue
        tensor = copy.deepcopy(value)
        tensor.name = node.output[0]
        graph.initializer.append(tensor)
    del graph.node[:]
    graph.node.extend(kept)


def prepared(path):
    model = onnx.load(path)
    hoist(model.graph)
    return model


def oracle(model, variant):
    kind, options = VARIANTS[variant]
    if kind == "dynamic":
        with tempfile.TemporaryDirectory() as folder:
            out = Path(folder) / "out.onnx"
            quantize_dynamic(copy.deepcopy(model), out, extra_options={"EnableSubgraph": True}, **options)
            return onnx.load(out)
    if kind == "nbits":
        quantizer = MatMulNBitsQuantizer(copy.deepcopy(model), **options)
    else:
        quantizer = MatMulBnb4Quantizer(copy.deepcopy(model), block_size=64, **options)
    quantizer.process()
    return quantizer.model.model


def graphs(graph):
    yield graph
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.type == onnx.AttributeProto.GRAPH:
                yield from graphs(attribute.g)


def tensors(model):
    return {t.name: t for g in graphs(model.graph) for t in g.initializer}


def counts(model):
    return Counter(n.op_type for g in graphs(model.graph) for n in g.node if n.op_type != "Constant")


def check(source, pare, variant):
    want_model, got_model = oracle(prepared(source), variant), prepared(pare)
    want, got = tensors(want_model), tensors(got_model)
    wrong = []
    compared = 0
    for name, tensor in want.items():
        if name not in got:
            wrong.append(f"missing {name}")
            continue
        if tensor.data_type != got[name].data_type or nh.to_array(tensor).tobytes() != nh.to_array(got[name]).tobytes():
            a, b = nh.to_array(tensor), nh.to_array(got[name])
            differ = (a.ravel() != b.ravel()).sum() if a.size == b.size else f"{a.shape} {b.shape}"
            wrong.append(f"{name}: {a.dtype}{a.shape} {b.dtype}{b.shape}, {differ} differ")
        elif not name.endswith("_bias_reshape_shape"):
            compared += 1
    ops = {op: (n, counts(got_model)[op]) for op, n in (counts(want_model) | counts(got_model)).items() if counts(want_model)[op] != counts(got_model)[op]}
    print(f"{Path(source).name} {variant}: {compared} tensors equal, {len(wrong)} not; op counts that differ (most, pare's): {ops}")
    for line in wrong[:20]:
        print("  ", line)
    return not wrong


QTYPES = {T.INT8, T.UINT8, T.INT16, T.UINT16, T.INT4, T.UINT4}


def weights(source, pare, reduce_range=False):
    want, model = tensors(prepared(source)), prepared(pare)
    got = tensors(model)
    compared, wrong = 0, []
    for node in (n for g in graphs(model.graph) for n in g.node if n.op_type == "DequantizeLinear" and n.input[0] in got):
        q = got[node.input[0]]
        base = node.input[0].removesuffix("_quantized")
        if base not in want or q.data_type not in QTYPES:
            continue
        x = nh.to_array(want[base])
        scale = nh.to_array(got[node.input[1]])
        attributes = {a.name: h.get_attribute_value(a) for a in node.attribute}
        block, axis = attributes.get("block_size", 0), attributes.get("axis", 1)
        zero = nh.to_array(got[node.input[2]]).astype(np.int64) if len(node.input) > 2 and node.input[2] else np.zeros(scale.shape, np.int64)
        integers = nh.to_array(q).astype(np.int64)
        symmetric = q.data_type in (T.INT8, T.INT16, T.INT4)
        if block and x.ndim == 2:
            z, s = quant_utils.compute_scale_zp_blocked(x, q.data_type, axis, block, symmetric)
            v = nh.to_array(quant_utils.quantize_onnx_initializer(want[base], q.data_type, z, s, axis, block_size=block))
            if (z.astype(np.int64) != zero).any() or (s != scale).any() or (v.astype(np.int64) != integers).any():
                wrong.append(f"{base}: blocks of {block}")
            compared += 1
            continue
        if block:  # the oracle takes matrices only
            continue
        whole = (slice(None),) * x.ndim
        channels = [((i,), (*whole[:axis], i)) for i in range(x.shape[axis])] if scale.ndim else [((), whole)]
        for at, part in channels:
            z, s, v = quant_utils.quantize_data(x[part].flatten(), q.data_type, symmetric, reduce_range=reduce_range)
            if int(z) != zero[at] or np.float32(s) != scale[at] or (v.astype(np.int64) != integers[part].flatten()).any():
                wrong.append(f"{base}{at}: zero point {z} {zero[at]}, scale {s} {scale[at]}")
        compared += 1
    print(f"{Path(source).name}: {compared} DequantizeLinear weights compared, {len(wrong)} slices differ")
    for line in wrong[:20]:
        print("  ", line)
    return not wrong


# Small models, a few KB each.
rng = np.random.default_rng(8)


def weight(name, *shape):
    return nh.from_array((rng.standard_normal(shape) / np.sqrt(max(1, np.prod(shape[1:])))).astype(np.float32), name)


def floats(name, *shape):
    return h.make_tensor_value_info(name, T.FLOAT, shape)


def model_of(name, nodes, initializers, inputs, outputs, opset=13, domains=()):
    model = h.make_model(
        h.make_graph(nodes, name, inputs, outputs, initializers),
        opset_imports=[h.make_opsetid("", opset), *(h.make_opsetid(d, 1) for d in domains)],
        producer_name="pare goldens",
    )
    model.ir_version = 8
    return model


def node(op, inputs, outputs, **attributes):
    return h.make_node(op, inputs, outputs, name=f"/{outputs[0]}/{op}", **attributes)


def mlp():
    nodes, initializers, x = [], [], "x"
    for k, (a, b) in enumerate([(20, 33), (33, 12), (12, 5)]):
        initializers += [weight(f"w{k}", a, b), weight(f"b{k}", b)]
        nodes.append(node("Gemm", [x, f"w{k}", f"b{k}"], [f"g{k}"]))
        nodes.append(node("Relu" if k < 2 else "Identity", [f"g{k}"], [f"h{k}" if k < 2 else "y"]))
        x = f"h{k}"
    return model_of("mlp", nodes, initializers, [floats("x", "N", 20)], [floats("y", "N", 5)])


def convnet():
    nodes = [
        node("Conv", ["x", "c1", "cb1"], ["a1"], kernel_shape=[3, 3], pads=[1, 1, 1, 1], strides=[2, 2]),
        node("Relu", ["a1"], ["r1"]),
        node("Conv", ["r1", "c2"], ["a2"], kernel_shape=[3, 3], pads=[1, 1, 1, 1], group=6),
        node("Conv", ["r1", "c3", "cb3"], ["a3"], kernel_shape=[1, 1]),
        node("Add", ["a2", "a3"], ["s"]),
        node("GlobalAveragePool", ["s"], ["p"]),
        node("Flatten", ["p"], ["f"]),
        node("Gemm", ["f", "w", "b"], ["y"], transB=1),
    ]
    initializers = [weight("c1", 6, 3, 3, 3), weight("cb1", 6), weight("c2", 6, 1, 3, 3), weight("c3", 6, 6, 1, 1), weight("cb3", 6), weight("w", 4, 6), weight("b", 4)]
    return model_of("convnet", nodes, initializers, [floats("x", "N", 3, 12, 12)], [floats("y", "N", 4)])


def gemms():
    nodes = [
        node("Gemm", ["x", "w1", "b1"], ["g1"], transB=1),
        node("Gemm", ["x", "w2", "b2"], ["g2"], alpha=0.5, beta=2.0),
        node("Gemm", ["t", "w3"], ["g3"], transA=1),
        node("Gemm", ["x", "w1"], ["g4"], transB=1),
        node("Gemm", ["x", "v"], ["g5"]),
        node("MatMul", ["x", "w2"], ["g6"]),
    ]
    initializers = [weight("w1", 9, 14), weight("b1", 9), weight("w2", 14, 9), weight("b2", 1, 9), weight("w3", 6, 9)]
    inputs = [floats("x", "N", 14), floats("t", 6, "M"), floats("v", 14, 9)]
    return model_of("gemms", nodes, initializers, inputs, [floats(f"g{i}", "M" if i == 3 else "N", 9) for i in range(1, 7)])


def attention():
    d, heads = 24, 3
    shape4, shape3 = nh.from_array(np.array([0, 0, heads, d // heads]), "shape4"), nh.from_array(np.array([0, 0, d]), "shape3")
    initializers = [shape4, shape3, nh.from_array(np.float32(0.35), "scale"), weight("table", 31, d)]
    nodes = [node("Gather", ["table", "ids"], ["x"])]
    for c, perm in (("q", [0, 2, 1, 3]), ("k", [0, 2, 3, 1]), ("v", [0, 2, 1, 3])):
        initializers += [weight(c + "w", d, d), weight(c + "b", d)]
        nodes += [node("MatMul", ["x", c + "w"], [c + "m"]), node("Add", [c + "m", c + "b"], [c]), node("Reshape", [c, "shape4"], [c + "r"]), node("Transpose", [c + "r"], [c + "t"], perm=perm)]
    nodes += [node("MatMul", ["qt", "kt"], ["s"]), node("Mul", ["s", "scale"], ["ss"]), node("Softmax", ["ss"], ["p"], axis=-1), node("MatMul", ["p", "vt"], ["a"]),
              node("Transpose", ["a"], ["at"], perm=[0, 2, 1, 3]), node("Reshape", ["at", "shape3"], ["ar"]), node("MatMul", ["ar", "ow"], ["om"]), node("Add", ["om", "ob"], ["o"]), node("Add", ["x", "o"], ["y"])]  # fmt: skip
    initializers += [weight("ow", d, d), weight("ob", d)]
    return model_of("attention", nodes, initializers, [h.make_tensor_value_info("ids", T.INT64, ["N", "S"])], [floats("y", "N", "S", d)])


def recurrent():
    hidden, inputs = 5, 7
    initializers = [weight("W", 2, 4 * hidden, inputs), weight("R", 2, 4 * hidden, hidden), weight("B", 2, 8 * hidden)]
    nodes = [node("LSTM", ["x", "W", "R", "B"], ["y", "yh", "yc"], hidden_size=hidden, direction="bidirectional")]
    return model_of("recurrent", nodes, initializers, [floats("x", "S", "N", inputs)], [floats("y", "S", 2, "N", hidden)])


def branches():
    then = h.make_graph([node("MatMul", ["x", "w"], ["t"])], "then", [], [floats("t", "N", 6)])
    other = h.make_graph([node("MatMul", ["x", "inner"], ["m"]), node("Relu", ["m"], ["e"])], "else", [], [floats("e", "N", 6)], [weight("inner", 10, 6)])
    nodes = [h.make_node("If", ["flag"], ["i"], name="/i/If", then_branch=then, else_branch=other), node("MatMul", ["i", "last"], ["y"])]
    inputs = [floats("x", "N", 10), h.make_tensor_value_info("flag", T.BOOL, [])]
    return model_of("branches", nodes, [weight("w", 10, 6), weight("last", 6, 4)], inputs, [floats("y", "N", 4)])


def fused():
    """ONNX Runtime's own operators, as its transformer optimizer leaves them."""
    d = 16
    microsoft = {"domain": "com.microsoft"}
    nodes = [
        node("EmbedLayerNormalization", ["ids", "segments", "words", "positions", "kinds", "gamma", "beta", "mask"], ["e", "lengths"], **microsoft),
        node("Attention", ["e", "w", "b", "lengths"], ["a"], num_heads=2, **microsoft),
        node("SkipLayerNormalization", ["e", "a", "gamma2", "beta2"], ["y"], **microsoft),
    ]
    initializers = [weight("words", 29, d), weight("positions", 12, d), weight("kinds", 2, d), weight("gamma", d), weight("beta", d), weight("w", d, 3 * d), weight("b", 3 * d), weight("gamma2", d), weight("beta2", d)]
    inputs = [h.make_tensor_value_info(name, T.INT32, ["N", "S"]) for name in ("ids", "segments", "mask")]
    return model_of("fused", nodes, initializers, inputs, [floats("y", "N", "S", d)], domains=["com.microsoft"])


def blocks():
    """K that is no multiple of the block, and a batch dimension of one."""
    nodes = [node("MatMul", ["x", "w1"], ["h"]), node("MatMul", ["h", "w2"], ["y"])]
    return model_of("blocks", nodes, [weight("w1", 40, 24), weight("w2", 24, 17)], [floats("x", "N", 40)], [floats("y", "N", 17)])


NETS = {
    mlp: ["int8", "uint8", "int8-channel", "uint8-channel", "int8-reduced", "uint8-reduced", "int8-channel-reduced"],
    convnet: ["uint8", "uint8-reduced"],
    gemms: ["int8", "int8-channel"],
    attention: ["int8", "uint8", "int8-channel", "int4", "uint4", "nf4"],
    recurrent: ["int8", "int8-channel"],
    branches: ["int8"],
    blocks: ["int4", "uint4", "int4-128", "nf4", "fp4"],
    fused: ["int8", "uint8"],
}


def goldens(folder):
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for net, variants in NETS.items():
        model = net()
        if net is not fused:  # the checker has no schemas of com.microsoft
            onnx.checker.check_model(model)
        onnx.save(model, folder / f"{net.__name__}.onnx")
        for variant in variants:
            made = oracle(model, variant)
            del made.graph.value_info[:]
            onnx.save(made, folder / f"{net.__name__}.{variant}.onnx")


if __name__ == "__main__":
    command, *rest = sys.argv[1:] or ["help"]
    if command == "goldens":
        goldens(*rest)
    elif command == "quantize":
        onnx.save(oracle(prepared(rest[0]), rest[2]), rest[1])
    elif command == "check":
        sys.exit(0 if check(*rest) else 1)
    elif command == "weights":
        sys.exit(0 if weights(rest[0], rest[1], "reduce" in rest) else 1)
    else:
        print(__doc__)
