/** All files that transformers.js looks for beside model.onnx, from one model. */
import { basename, extname, join } from "node:path";
import { PareError } from "../errors.js";
import type { Model } from "../model/index.js";
import { quantize, type QuantizedModel } from "./index.js";
import type { LongCall, Progress } from "../progress.js";
import type { QuantizeOptions } from "./options.js";

/** What transformers.js calls them (its `dtype`), and the file names' endings. */
export const transformersJsVariants = {
  fp16: "_fp16",
  q8: "_quantized",
  int8: "_int8",
  uint8: "_uint8",
  q4: "_q4",
  q4f16: "_q4f16",
  bnb4: "_bnb4",
} as const;
export type TransformersJsVariant = keyof typeof transformersJsVariants;

export interface TransformersJsOptions extends LongCall {
  /** Which files to write; default: all. */
  variants?: readonly TransformersJsVariant[];
  /** Stem of the files' names; default: that of the model's file, else "model". */
  name?: string;
  /** q8, int8, uint8: one scale for each output channel. Default false. */
  perChannel?: boolean;
  /** q8, int8, uint8: seven bits. Default false. */
  reduceRange?: boolean;
  /** q4, q4f16: rows that share a scale. Default 32. */
  blockSize?: number;
}

/** A file that was written. */
export interface TransformersJsFile {
  variant: TransformersJsVariant;
  path: string;
  report: QuantizedModel["report"];
}

/**
 * Writes model_fp16.onnx, model_quantized.onnx and so on into a folder that exists. q8 has uint8 weights if the model has
 * Conv or ONNX Runtime's fused attention, else int8, as transformers.js's own script decides.
 */
export async function quantizeForTransformersJs(
  model: Model,
  folder: string,
  options: TransformersJsOptions = {},
): Promise<TransformersJsFile[]> {
  const all = Object.keys(transformersJsVariants) as TransformersJsVariant[];
  const variants = options.variants ?? all;
  for (const variant of variants)
    if (!all.includes(variant))
      throw new PareError("PARE_OPTION", `variants can be ${all.join(", ")}; got "${variant as string}".`);
  const stem = options.name ?? (model.path === undefined ? "model" : basename(model.path, extname(model.path)));
  const files: TransformersJsFile[] = [];
  for (const variant of variants) {
    const made = await make(model, variant, options);
    const path = join(folder, `${stem}${transformersJsVariants[variant]}.onnx`);
    await made.save(path, options.signal ? { signal: options.signal } : {});
    files.push({ variant, path, report: made.report });
  }
  return files;
}

async function make(
  model: Model,
  variant: TransformersJsVariant,
  { perChannel = false, reduceRange = false, blockSize = 32, threads, signal, onProgress }: TransformersJsOptions,
): Promise<QuantizedModel> {
  const run = {
    ...(threads === undefined ? {} : { threads }),
    ...(signal ? { signal } : {}),
    ...(onProgress
      ? {
          onProgress: (p: Progress) => {
            onProgress({ ...p, what: `${variant} ${p.what}` });
          },
        }
      : {}),
  };
  const eight = { perChannel, reduceRange, ...run };
  const recipes: Record<TransformersJsVariant, QuantizeOptions> = {
    fp16: { dtype: "float16", ...run },
    q8: { dtype: wantsUnsigned(model) ? "uint8" : "int8", ...eight },
    int8: { dtype: "int8", ...eight },
    uint8: { dtype: "uint8", ...eight },
    q4: { dtype: "int4", blockSize, ...run },
    q4f16: { dtype: "int4", blockSize, ...run },
    bnb4: { dtype: "nf4", ...run },
  };
  const made = await quantize(model, recipes[variant]);
  if (variant !== "q4f16") return made;
  const half = await quantize(made, { dtype: "float16", ...run });
  for (const row of made.report.rows) half.report.rows.unshift(row);
  return half;
}

/** Whether q8 takes uint8 weights: ConvInteger and the fused operators want them. */
function wantsUnsigned(model: Model): boolean {
  const wanting = new Set(["Conv", "Attention", "EmbedLayerNormalization"]);
  return [...model.graph.walk()].some((graph) => graph.nodes.some(({ opType }) => wanting.has(opType)));
}
