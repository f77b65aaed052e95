"""Goldens of operators whose meaning changed in opsets 18 to 21, from ONNX's own backend tests: opsets.py > test/goldens/opsets.json

Each case is a model at one of these opsets, its inputs and outputs; ONNX's reference evaluator must agree at that opset. Of an
operator and version, cases that the version before did not have come first.

Pinned: Python 3.11, onnx 1.23.2, numpy 2.4.6. Nothing in the package or its tests needs this script.
"""

import base64
import json
import sys
import warnings

import numpy as np
import onnx
from onnx import TensorProto, checker, defs, helper
from onnx.backend.test.case.node import collect_testcases
from onnx.reference import ReferenceEvaluator

FIRST, LAST = 18, 21
CASES = 5  # of an operator and version
ELEMENTS = 600  # of a case, all tensors together

warnings.simplefilter("ignore")


def versions_of(op):
    """The versions that the operator came in, of the domain ONNX's own."""
    return sorted({schema.since_version for schema in defs.get_all_schemas_with_history() if schema.name == op and schema.domain == ""})


def at_opset(model, version):
    """The model at another opset, or None where it is not valid there."""
    made = onnx.ModelProto()
    made.CopyFrom(model)
    del made.opset_import[:]
    made.opset_import.append(helper.make_opsetid("", version))
    made.ir_version = 8 if version < 19 else 9 if version < 21 else 10
    try:
        checker.check_model(made, full_check=True)
    except Exception:
        return None
    return made


def agrees(model, inputs, outputs):
    """Whether the reference evaluator gives these outputs."""
    try:
        names = [value.name for value in model.graph.input]
        got = ReferenceEvaluator(model).run(None, dict(zip(names, inputs)))
    except Exception:
        return False
    return len(got) == len(outputs) and all(
        np.asarray(a).dtype == b.dtype
        and np.asarray(a).shape == b.shape
        and (b.dtype == object or np.allclose(a.astype(np.float64), b.astype(np.float64), rtol=1e-3, atol=1e-5, equal_nan=True))
        for a, b in zip(got, outputs)
    )


def is_plain(values):
    """Tensors of types that pare's Tensors have: no sequences, no strings, nothing complex, no float8."""
    plain = "float16 float32 float64 int8 uint8 int16 uint16 int32 uint32 int64 uint64 bool".split()
    return all(isinstance(value, np.ndarray) and str(value.dtype) in plain for value in values)


def tensor(value):
    value = np.asarray(value)
    return {"dtype": str(value.dtype), "dims": list(value.shape), "data": base64.b64encode(value.tobytes()).decode()}


def own_cases():
    """What the backend tests leave out: integers, absent inputs, the edges of blocks."""
    f = lambda *dims: np.random.default_rng(7).standard_normal(dims).astype(np.float32)
    i = lambda *dims: np.random.default_rng(8).integers(-9, 9, dims).astype(np.int32)
    types = {np.dtype(np.float32): TensorProto.FLOAT, np.dtype(np.int32): TensorProto.INT32, np.dtype(np.int64): TensorProto.INT64, np.dtype(np.float16): TensorProto.FLOAT16, np.dtype(np.uint8): TensorProto.UINT8, np.dtype(np.int8): TensorProto.INT8, np.dtype(np.bool_): TensorProto.BOOL, np.dtype(np.uint16): TensorProto.UINT16, np.dtype(np.int16): TensorProto.INT16}
    a = lambda *values: np.array(values, np.int64)

    def case(name, op, opset, inputs, outputs=1, **attributes):
        names = [f"x{k}" if value is not None else "" for k, value in enumerate(inputs)]
        given = [(n, value) for n, value in zip(names, inputs) if value is not None]
        node = helper.make_node(op, names, [f"y{k}" for k in range(outputs)], **attributes)
        graph = helper.make_graph([node], name, [helper.make_tensor_value_info(n, types[value.dtype], value.shape) for n, value in given], [onnx.ValueInfoProto(name=f"y{k}") for k in range(outputs)])
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8 if opset < 19 else 9 if opset < 21 else 10)
        values = [value for _, value in given]
        made = ReferenceEvaluator(model).run(None, dict(given))
        for output, value in zip(model.graph.output, made):
            output.CopyFrom(helper.make_tensor_value_info(output.name, types[value.dtype], value.shape))
        return op, opset, name, model, values, made

    for op in ["ReduceSum", "ReduceMean", "ReduceMax", "ReduceMin", "ReduceProd", "ReduceL1", "ReduceL2", "ReduceSumSquare"]:
        yield case(f"{op} of all", op, 18, [f(2, 3, 4)], keepdims=0)
        yield case(f"{op} of nothing", op, 18, [f(2, 3)], noop_with_empty_axes=1) if op in ("ReduceSum", "ReduceMax") else case(f"{op} of two axes", op, 18, [f(2, 3, 4), a(-1, 0)])
    yield case("Split of 7 in 3", "Split", 18, [f(7, 2)], 3, num_outputs=3)
    yield case("Split of 7 in 3, sizes", "Split", 18, [f(2, 7), a(1, 5, 1)], 3, axis=1)
    for mode in ["constant", "edge", "reflect"]:
        yield case(f"Pad {mode} of one axis", "Pad", 18, [f(3, 4), a(2, 1), None if mode != "constant" else np.float32(1.5), a(-1)], mode=mode)
    yield case("Pad wrap", "Pad", 19, [f(3, 4), a(0, 2, 0, 5)], mode="wrap")
    yield case("GroupNormalization 18", "GroupNormalization", 18, [f(2, 4, 3), f(2), f(2)], num_groups=2)
    yield case("GroupNormalization 21", "GroupNormalization", 21, [f(2, 4, 3), f(4), f(4)], num_groups=2)
    for op in ["BitwiseAnd", "BitwiseOr", "BitwiseXor"]:
        yield case(f"{op} spread", op, 18, [i(2, 3), i(3)])
    yield case("CenterCropPad both", "CenterCropPad", 18, [f(5, 4), a(3, 7)])
    scale = np.abs(f(2, 3)) / 30 + 0.01
    yield case("QuantizeLinear blocks", "QuantizeLinear", 21, [f(2, 7), scale, np.zeros((2, 3), np.int8)], axis=1, block_size=3)
    yield case("DequantizeLinear blocks", "DequantizeLinear", 21, [i(2, 7).astype(np.int8), scale], axis=1, block_size=3)
    yield case("QuantizeLinear uint16", "QuantizeLinear", 21, [f(2, 7), np.float32(0.001), np.uint16(30000)])
    yield case("QuantizeLinear to int16", "QuantizeLinear", 21, [f(2, 7), np.float32(0.001)], output_dtype=TensorProto.INT16)
    yield case("DequantizeLinear float16", "DequantizeLinear", 19, [i(3, 4).astype(np.uint8), np.float16(0.25), np.uint8(4)])
    yield case("QuantizeLinear float16", "QuantizeLinear", 19, [f(3, 4).astype(np.float16), np.float16(0.05), np.uint8(100)])
    yield case("ReduceMax of bools", "ReduceMax", 20, [f(3, 4) > 0.5, a(1)])
    yield case("ReduceMin of bools", "ReduceMin", 20, [f(3, 4) > -0.5, a(0)], keepdims=0)
    yield case("Mish", "Mish", 18, [f(3, 5) * 4])
    yield case("CenterCropPad one axis", "CenterCropPad", 18, [f(5, 4), a(7)], axes=[0])
    yield case("Cast to float16", "Cast", 19, [f(3, 4) * 1e3], to=TensorProto.FLOAT16)
    yield case("Cast to uint8", "Cast", 21, [i(3, 4) + 20], to=TensorProto.UINT8)
    yield case("CastLike int64", "CastLike", 19, [f(3, 4) * 9, a(1)])
    yield case("Gelu tanh", "Gelu", 20, [f(3, 5)], approximate="tanh")


def main():
    found = {}
    for one in collect_testcases(None):
        nodes = one.model.graph.node if one.model else []
        if len(nodes) != 1 or not one.data_sets or nodes[0].domain != "":
            continue
        found.setdefault(nodes[0].op_type, []).append(one)
    cases, missing = [], []
    for op, tests in sorted(found.items()):
        versions = versions_of(op)
        for version in [one for one in versions if FIRST <= one <= LAST]:
            kept = []
            for one in sorted(tests, key=lambda one: one.name):
                inputs, outputs = ([np.asarray(v) if np.isscalar(v) else v for v in values] for values in one.data_sets[0])
                if not is_plain([*inputs, *outputs]) or sum(value.size for value in [*inputs, *outputs]) > ELEMENTS:
                    continue
                model = at_opset(one.model, version)
                if model is None or not agrees(model, inputs, outputs):
                    continue
                before = at_opset(one.model, version - 1)
                is_new = before is None or not agrees(before, inputs, outputs)
                kept.append((not is_new, one.name, model, inputs, outputs))
            kept.sort(key=lambda case: case[:2])
            if not kept:
                missing.append(f"{op} {version}")
            for _, name, model, inputs, outputs in kept[:CASES]:
                cases.append((op, version, name.removeprefix("test_"), model, inputs, outputs))
    cases += own_cases()
    listed = [
        {
            "op": op,
            "opset": version,
            "name": name,
            "model": base64.b64encode(model.SerializeToString()).decode(),
            "inputs": [tensor(value) for value in inputs],
            "outputs": [tensor(value) for value in outputs],
        }
        for op, version, name, model, inputs, outputs in cases
    ]
    print(json.dumps(listed, separators=(",", ":")).replace("},{\"op\"", "},\n{\"op\""))
    print(f"{len(listed)} cases; none for {', '.join(missing)}", file=sys.stderr)


if __name__ == "__main__":
    main()
