"""Quantizes the PP-OCR models with ONNX Runtime's own tool, for bench/ocr.ts to read words with: python3 ocr.py ASSETS OUT

Needs: pip install onnx==1.23.2 onnxruntime==1.32.0
"""

import sys
from pathlib import Path

import onnx
from onnxruntime.quantization import QuantType, quantize_dynamic

MODELS = {
    "det": "ch_PP-OCRv4_det_infer.onnx",
    "rec": "ch_PP-OCRv4_rec_infer.onnx",
    "cls": "ch_ppocr_mobile_v2.0_cls_infer.onnx",
}
VARIANTS = {
    "int8": dict(weight_type=QuantType.QInt8),
    "uint8": dict(weight_type=QuantType.QUInt8),
    "uint8-per-channel": dict(weight_type=QuantType.QUInt8, per_channel=True),
    # Conv in int8 does not run in every ONNX Runtime: MatMul and Gemm alone.
    "int8-matmul": dict(weight_type=QuantType.QInt8, op_types_to_quantize=["MatMul"]),
}


def hoist_constants(model: onnx.ModelProto) -> None:
    """Makes initializers of Constant nodes, where the tool looks for weights."""
    graph = model.graph
    nodes = list(graph.node)
    del graph.node[:]
    for node in nodes:
        if node.op_type == "Constant" and node.attribute[0].name == "value":
            tensor = graph.initializer.add()
            tensor.CopyFrom(node.attribute[0].t)
            tensor.name = node.output[0]
        else:
            graph.node.append(node)


def main(assets: Path, out: Path) -> None:
    out.mkdir(parents=True, exist_ok=True)
    for name, file in MODELS.items():
        model = onnx.load(assets / file)
        hoist_constants(model)
        hoisted = out / f"{name}.onnx"
        onnx.save(model, hoisted)
        for variant, options in VARIANTS.items():
            quantize_dynamic(hoisted, out / f"{name}.{variant}.onnx", **options)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
