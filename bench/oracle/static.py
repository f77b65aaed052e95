"""What onnxruntime.quantization's quantize_static makes of a model, to hold pare's static quantizer against.

Pinned: Python 3.11, onnx 1.23.2, onnxruntime 1.32.0, numpy 2.4.6. Nothing in the package or its tests needs this script.

  static.py make IN.onnx OUT.onnx VARIANT INPUT=BATCH.npy…   calibrates on the batches and writes OUT
  static.py goldens FOLDER                                    what the tests hold pare against, of FOLDER/mlp and convnet
  static.py check PARE.onnx OUT.onnx                          tensor for tensor: types, scales, zero points, integers

VARIANT is words joined by commas: qdq or qoperator, minmax or entropy or percentile, channel, uint8 (activations),
weights-uint8, symmetric, reduced.
"""

import copy
import logging
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper as nh
from onnxruntime.quantization import CalibrationMethod, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.calibrate import CalibrationDataReader

from quantize import prepared

logging.disable(logging.WARNING)


class Reader(CalibrationDataReader):
    def __init__(self, batches):
        self.batches = iter(batches)

    def get_next(self):
        return next(self.batches, None)


def make(source, out, variant, batches):
    words = set(variant.split(","))
    methods = {"entropy": CalibrationMethod.Entropy, "percentile": CalibrationMethod.Percentile}
    with tempfile.TemporaryDirectory() as folder:
        model = Path(folder) / "model.onnx"
        onnx.save(prepared(source), model)
        quantize_static(
            str(model),
            out,
            Reader(batches),
            quant_format=QuantFormat.QOperator if "qoperator" in words else QuantFormat.QDQ,
            per_channel="channel" in words,
            reduce_range="reduced" in words,
            activation_type=QuantType.QUInt8 if "uint8" in words else QuantType.QInt8,
            weight_type=QuantType.QUInt8 if "weights-uint8" in words else QuantType.QInt8,
            calibrate_method=next((methods[word] for word in words if word in methods), CalibrationMethod.MinMax),
            extra_options={"ActivationSymmetric": "symmetric" in words},
        )


def tensors(model):
    found = {tensor.name: nh.to_array(tensor) for tensor in model.graph.initializer}
    for node in model.graph.node:
        if node.op_type == "Constant":
            found[node.output[0]] = next(nh.to_array(a.t) for a in node.attribute if a.name == "value")
    return found


def check(pare, oracle):
    got, want = onnx.load(pare), onnx.load(oracle)
    counts = [{}, {}]
    for count, model in zip(counts, (got, want)):
        for node in model.graph.node:
            if node.op_type != "Constant":
                count[node.op_type] = count.get(node.op_type, 0) + 1
    for op in sorted(set(counts[0]) | set(counts[1])):
        if counts[0].get(op) != counts[1].get(op):
            print(f"{op}: {counts[0].get(op, 0)} nodes, wanted {counts[1].get(op, 0)}")
    got, want = tensors(got), tensors(want)
    suffixes = ("_quantized", "_scale", "_zero_point")
    names = [name for name in want if name.endswith(suffixes)]
    missing = [name for name in names if name not in got]
    extra = [name for name in got if name.endswith(suffixes) and name not in want]
    equal, worst, differ, off = 0, 0.0, [], 0
    for name in names:
        if name in missing:
            continue
        a, b = got[name].ravel(), want[name].ravel()
        if a.dtype != b.dtype or a.shape != b.shape:
            differ.append(f"{name}: {a.dtype} {a.shape}, wanted {b.dtype} {b.shape}")
        elif np.array_equal(a, b):
            equal += 1
        else:
            error = float(np.max(np.abs(a.astype(float) - b) / np.maximum(1, np.abs(b)) if a.dtype.kind != "f" else np.abs(a / b - 1)))
            worst = max(worst, error) if a.dtype.kind == "f" else worst
            off = max(off, int(np.max(np.abs(a.astype(int) - b.astype(int))))) if a.dtype.kind != "f" else off
            differ.append(f"{name}: {a.ravel()[:3]}, wanted {b.ravel()[:3]}")
    print(f"{len(names)} tensors: {equal} equal, {len(differ)} differ (scales by at most {worst:.2g}, integers by {off}), {len(missing)} missing, {len(extra)} extra")
    for line in differ[:6]:
        print("  differs", line)
    print("  missing", missing[:8]) if missing else None
    print("  extra", extra[:8]) if extra else None


def batches_of(name, dims):
    """Numbers that test/quantize/static-oracle.test.ts makes too."""
    count = int(np.prod(dims))
    for k in range(2):
        values = ((np.arange(count) * 7919 + k * 104729) % 2003) / 1001 - 1
        yield {name: (values.astype(np.float32) * (k + 1)).reshape(dims)}


def goldens(folder):
    nets = {"mlp": ([2, 20], ["qdq", "qoperator,channel"]), "convnet": ([2, 3, 12, 12], ["qdq,channel,uint8", "qoperator"])}
    for net, (dims, variants) in nets.items():
        for variant in variants:
            out = f"{folder}/{net}.static-{variant.replace(',', '-')}.onnx"
            make(f"{folder}/{net}.onnx", out, variant, batches_of("x", dims))


if __name__ == "__main__":
    command, *rest = sys.argv[1:]
    if command == "check":
        check(*rest)
    elif command == "goldens":
        goldens(*rest)
    else:
        source, out, variant, *files = rest
        batches = []
        for file in files:
            name, path = file.split("=", 1)
            batches.append({name: np.load(path)})
        make(source, out, variant, batches)
