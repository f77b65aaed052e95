"""Makes test/goldens/kernels.json: what ONNX Runtime's quantizers and packers give for small arrays: python3 kernels.py OUT

Needs: pip install numpy==2.4.6 onnx==1.23.2 onnxruntime==1.32.0
"""

import base64
import json
import sys

import numpy as np
from onnx import TensorProto
from onnxruntime.capi._pybind_state import quantize_matmul_4bits, quantize_matmul_bnb4
from onnxruntime.quantization.quant_utils import (
    compute_scale_zp_blocked,
    pack_bytes_to_4bit,
    quantize_data,
    quantize_nparray,
)
from onnxruntime.transformers.float16 import convert_np_to_float16

TYPES = {
    "int8": (TensorProto.INT8, np.int8),
    "uint8": (TensorProto.UINT8, np.uint8),
    "int16": (TensorProto.INT16, np.int16),
    "uint16": (TensorProto.UINT16, np.uint16),
    "int4": (TensorProto.INT4, np.int8),
    "uint4": (TensorProto.UINT4, np.uint8),
}
rng = np.random.default_rng(8)


def text(array) -> str:
    return base64.b64encode(np.ascontiguousarray(array).tobytes()).decode()


def stored(values, name: str) -> str:
    values = np.asarray(values).astype(TYPES[name][1])
    if name.endswith("int4"):
        return base64.b64encode(bytes(pack_bytes_to_4bit(values.tobytes()))).decode()
    return text(values)


DATA = {
    "normal": lambda n: rng.standard_normal(n).astype(np.float32),
    "positive": lambda n: (np.abs(rng.standard_normal(n)) + 0.1).astype(np.float32),
    "negative": lambda n: (-np.abs(rng.standard_normal(n)) - 1).astype(np.float32),
    "zero": lambda n: np.zeros(n, np.float32),
    "equal": lambda n: np.full(n, 0.3, np.float32),
    "denormal": lambda n: (rng.integers(-50000, 50000, n) * 1e-45).astype(np.float32),
    "small": lambda n: (rng.standard_normal(n) * 1e-36).astype(np.float32),
    "large": lambda n: (rng.standard_normal(n) * 1e37).astype(np.float32),
    "ties": lambda n: (rng.integers(-600, 600, n) * 0.5).astype(np.float32),
    "outlier": lambda n: np.append(rng.standard_normal(n - 1), 1e4).astype(np.float32),
}


INPUTS: dict[str, str] = {}  # stored once, though many cases read them
ARRAYS: dict[str, np.ndarray] = {}


def made(kind: str, *shape: int) -> tuple[str, np.ndarray]:
    name = " ".join([kind, *map(str, shape)])
    if name not in ARRAYS:
        ARRAYS[name] = DATA[kind](int(np.prod(shape))).reshape(shape)
        INPUTS[name] = text(ARRAYS[name])
    return name, ARRAYS[name]


def quantizations():
    for kind in DATA:
        for name, (onnx_type, _) in TYPES.items():
            for symmetric in (False, True):
                for reduce_range in (False, True):
                    name_x, x = made(kind, 19)
                    zero_point, scale, q = quantize_data(x, onnx_type, symmetric, reduce_range)
                    yield dict(dtype=name, symmetric=symmetric, reduceRange=reduce_range, shape=[19],
                               x=name_x, scale=text(np.float32(scale)), zeroPoint=stored([zero_point], name),
                               data=stored(q, name))  # fmt: skip
                name_x, x = made(kind, 2, 3, 5)
                parts = [quantize_data(x[:, i].ravel(), onnx_type, symmetric) for i in range(3)]
                q = np.stack([np.asarray(part[2]).astype(np.int32).reshape(2, 5) for part in parts], 1)
                yield dict(dtype=name, symmetric=symmetric, reduceRange=False, shape=[2, 3, 5], axis=1,
                           x=name_x, scale=text(np.array([part[1] for part in parts], np.float32)),
                           zeroPoint=stored([int(part[0]) for part in parts], name), data=stored(q, name))  # fmt: skip
                for axis in (0, 1):
                    (name_x, x), size = made(kind, 7, 5), 3
                    zero_point, scale = compute_scale_zp_blocked(x, onnx_type, axis, size, symmetric)
                    spread = lambda a: np.repeat(a.astype(np.float32), size, axis).take(range(x.shape[axis]), axis)
                    q = [quantize_nparray(onnx_type, np.float32([v]), np.float32(s), np.int32(z)).astype(np.int32)
                         for v, s, z in zip(x.ravel(), spread(scale).ravel(), spread(zero_point).ravel())]  # fmt: skip
                    yield dict(dtype=name, symmetric=symmetric, reduceRange=False, shape=[7, 5], axis=axis,
                               blockSize=size, x=name_x, scale=text(scale), zeroPoint=stored(zero_point, name),
                               data=stored(np.concatenate(q), name))  # fmt: skip


def packings():
    for kind in DATA:
        for k, n, size in ((37, 3, 16), (64, 2, 32)):
            name_x, x = made(kind, k, n)
            blocks = -(-k // size)
            for symmetric in (False, True):
                data = np.zeros((n, blocks, size // 2), np.uint8)
                scales = np.zeros((n, blocks), np.float32)
                zero_points = np.zeros((n, (blocks + 1) // 2), np.uint8)
                quantize_matmul_4bits(data, x, scales, zero_points, size, n, k, symmetric)
                yield dict(op="MatMulNBits", k=k, n=n, blockSize=size, symmetric=symmetric, x=name_x,
                           data=text(data), scales=text(scales),
                           **({} if symmetric else dict(zeroPoints=text(zero_points))))  # fmt: skip
            for code, name in enumerate(("fp4", "nf4")):
                data = np.zeros((k * n + 1) // 2, np.uint8)
                absmax = np.zeros(-(-k * n // size), np.float32)
                quantize_matmul_bnb4(data, x.T.copy(), absmax, size, code, n, k)
                yield dict(op="MatMulBnb4", k=k, n=n, blockSize=size, type=name, x=name_x, data=text(data),
                           absmax=text(absmax))  # fmt: skip


def float16s():
    x = np.float32([0, -0.0, 1e-8, -1e-8, 1e-7, 9.9e-8, 1, 9999, 10001, -20000, 65504, 1e30, np.inf, -np.inf, np.nan])
    return dict(x=text(x), smallest=1e-7, largest=1e4, data=text(convert_np_to_float16(x, 1e-7, 1e4)))


golden = dict(quantize=list(quantizations()), pack=list(packings()), float16=float16s(), inputs=INPUTS)
with open(sys.argv[1], "w") as file:
    json.dump(golden, file)
    file.write("\n")
