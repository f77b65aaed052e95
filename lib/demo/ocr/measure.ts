/** Runs the forms of one model in onnxruntime-node: right answers, errors against the float32 outputs, latency beside each other. */
import { stat } from "node:fs/promises";
import type { InferenceSession, Tensor } from "onnxruntime-common";
import { PareError } from "../../errors.js";
import { kernels } from "../../kernels/index.js";
import type { LongCall } from "../../progress.js";
import { measureLatencies } from "../../run/latency.js";
import { createOnnxRuntimeSession, onnxRuntime } from "../../run/onnxruntime.js";
import type { Input, Task } from "./tasks.js";

/** One line of the table. */
export interface Row {
  model: string;
  dtype: string;
  file: string;
  bytes: number;
  /** bytes / those of the float32 model. */
  share: number;
  /** Against the float32 model's outputs; of the float32 model itself 1 and Infinity. */
  cosine: number;
  snrDb: number;
  /** Median of one run in onnxruntime-node, and that / the float32 model's. */
  latencyMs: number;
  relativeLatency: number;
  /** Right answers, of `total`. */
  right: number;
  total: number;
}

export interface Form {
  dtype: string;
  file: string;
}

/** Shares of the progress of one model that each part takes. */
const answering = 0.6;

/** What measure() takes beside the models. */
export interface MeasureOptions extends LongCall {
  /** Milliseconds of timing, all forms together. */
  budgetMs: number;
  /** Told of a form that does not load; without it, that is an error. The float32 model must load. */
  onFailure?: (form: Form, error: PareError) => void;
}

/** `given` begins with the float32 model, which the others are compared with. */
export async function measure(
  task: Task,
  given: readonly Form[],
  { threads, signal, onProgress, onFailure, budgetMs }: MeasureOptions,
): Promise<Row[]> {
  const sessions: InferenceSession[] = [];
  const forms: Form[] = [];
  try {
    const answers: { right: number; outputs: Float32Array }[] = [];
    for (const [index, form] of given.entries()) {
      const { dtype, file } = form;
      try {
        sessions.push(await createOnnxRuntimeSession(file, threads === undefined ? {} : { threads }));
        forms.push(form);
      } catch (error) {
        if (index === 0 || onFailure === undefined || !(error instanceof PareError)) throw error;
        onFailure(form, error);
        continue;
      }
      answers.push(
        await answer(task, sessions.at(-1)!, async (share) => {
          onProgress?.({
            done: ((index + share) / given.length) * answering,
            total: 1,
            what: `${task.name} ${dtype}`,
          });
          // The runtime computes on the event loop: this lets signals in.
          await new Promise(setImmediate);
          signal?.throwIfAborted();
        }),
      );
    }
    const latencies = await measureLatencies(
      sessions.map((session) => () => run(session, task.timed)),
      {
        budgetMs,
        ...(signal === undefined ? {} : { signal }),
        onProgress: ({ done }) =>
          onProgress?.({ done: answering + done * (1 - answering), total: 1, what: `${task.name} latency` }),
      },
    );
    const sizes = await Promise.all(forms.map(async ({ file }) => (await stat(file)).size));
    return forms.map(({ dtype, file }, index) => {
      const { right, outputs } = answers[index]!;
      const { cosine, snrDb } = kernels.compare(answers[0]!.outputs, outputs);
      const latencyMs = latencies[index]!.medianMs;
      return {
        model: task.name,
        dtype,
        file,
        bytes: sizes[index]!,
        share: sizes[index]! / sizes[0]!,
        cosine,
        snrDb,
        latencyMs,
        relativeLatency: latencyMs / latencies[0]!.medianMs,
        right,
        total: task.total,
      };
    });
  } finally {
    for (const session of sessions) await session.release();
  }
}

/** Runs every input; `between` is called before each with the share that is done. */
async function answer(
  task: Task,
  session: InferenceSession,
  between: (share: number) => Promise<void>,
): Promise<{ right: number; outputs: Float32Array }> {
  let right = 0;
  const kept: Float32Array[] = [];
  for (const [index, input] of task.inputs.entries()) {
    await between(index / task.inputs.length);
    const { data, dims } = await run(session, input);
    const values = data as Float32Array;
    right += task.right({ data: values, dims }, index);
    if (index % task.compareEvery === 0) kept.push(values);
  }
  const outputs = new Float32Array(kept.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const values of kept) {
    outputs.set(values, at);
    at += values.length;
  }
  return { right, outputs };
}

/** The model's only output for its only input. */
async function run(session: InferenceSession, { data, dims }: Input): Promise<Tensor> {
  const { Tensor: RuntimeTensor } = onnxRuntime();
  const results = await session.run({ [session.inputNames[0]!]: new RuntimeTensor("float32", data, dims) });
  return results[session.outputNames[0]!]!;
}
