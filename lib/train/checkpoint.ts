/** Where a training stands, in a file: whatever ends the process, the last whole one is there, and goes on to the same bits. */
import { stat } from "node:fs/promises";
import { PareError } from "../errors.js";
import { load, Model, Weight } from "../model/index.js";
import type { Epoch } from "./options.js";
import type { Tensors } from "./step.js";

export interface Standing {
  steps: number;
  /** Epochs that are done, measured and told. */
  history: Epoch[];
  /** Of the epoch after them: examples that were trained on, and the sum of their losses. */
  at: number;
  sum: number;
  /** What a technique remembers beside it. */
  memo?: unknown;
}

export interface Checkpoint {
  standing: Standing;
  /** Everything that changes from step to step: weights, statistics, what the optimizer remembers, masks. */
  state: ReadonlyMap<string, Float32Array>;
  /** The weights that the result would have now: of the best epoch, or of the last step of pruning. */
  kept: ReadonlyMap<string, Float32Array> | undefined;
}

/** What a training was asked for, by name; it goes on with the same. */
export type Settings = Readonly<Record<string, string>>;

const key = "pare.checkpoint";
const stateOf = "state/";
const keptOf = "kept/";

/** @throws PareError PARE_FILE where it cannot be written, a full disk for example; the checkpoint before it is still there then. */
export async function writeCheckpoint(
  path: string,
  { standing, state, kept }: Omit<Checkpoint, "state"> & { state: Tensors },
  settings: Settings,
): Promise<void> {
  const model = Model.create({ name: "checkpoint", metadata: { [key]: JSON.stringify({ standing, settings }) } });
  for (const [name, { dims, data }] of state) model.graph.addWeight(stateOf + name, Weight.of("float32", dims, data));
  for (const [name, data] of kept ?? [])
    model.graph.addWeight(keptOf + name, Weight.of("float32", [data.length], data));
  await model.save(path);
}

/**
 * The checkpoint at a path; undefined where there is none.
 * @throws PareError PARE_FILE for a file that is none; PARE_OPTION where it was made with other settings.
 */
export async function readCheckpoint(path: string, settings: Settings): Promise<Checkpoint | undefined> {
  if (!(await stat(path).catch(() => undefined))) return undefined;
  // Not mapped: the next checkpoint takes this one's place.
  const model = await load(path, { mmap: false });
  const text = model.metadata[key];
  if (text === undefined) throw new PareError("PARE_FILE", `${path} is no checkpoint of a training.`);
  const found = JSON.parse(text) as { standing: Standing; settings: Settings };
  for (const [name, value] of Object.entries(settings))
    if (found.settings[name] !== value)
      throw new PareError(
        "PARE_OPTION",
        `${path} is of a training with another ${name} (${found.settings[name] ?? "none"}; now ${value}). Ask for the same, or begin anew without resume.`,
      );
  const group = (prefix: string): Map<string, Float32Array> =>
    new Map(
      [...model.graph.weights()]
        .filter(([name]) => name.startsWith(prefix))
        .map(([name, weight]) => [name.slice(prefix.length), weight.toFloats()]),
    );
  const kept = group(keptOf);
  return { standing: found.standing, state: group(stateOf), kept: kept.size > 0 ? kept : undefined };
}
