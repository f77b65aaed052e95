/** Runs ONNX's conformance tests: every case gives the expected results, or says clearly what it does not run. */
import { join } from "node:path";
import type { Tensor } from "../../lib/index.js";
import { compile } from "../../lib/index.js";
import { load } from "../../lib/model/index.js";
import type { TensorProto } from "../../lib/model/proto.js";
import { weightOf } from "../../lib/model/weight.js";
import { difference } from "./difference.js";
import { casesOf, isInstalled, root, setsOf, tensors } from "../testdata.js";

const tensorOf = (proto: TensorProto): Tensor => weightOf(proto, "test data")!.toTensor();

const random = /^(Bernoulli|Multinomial|Random)/;

async function check(path: string): Promise<string> {
  try {
    const model = await load(join(path, "model.onnx"));
    if (model.graph.nodes.some((node) => random.test(node.opType))) return "skipped: random numbers are no one else's";
    const session = await compile(model);
    for (const set of setsOf(path)) {
      const inputs = tensors(set, "input");
      const names = session.inputNames;
      if (inputs.includes(undefined)) return "skipped: what is no tensor";
      const feeds = Object.fromEntries(inputs.map((proto, i) => [names[i]!, tensorOf(proto!)]));
      const results = await session.run(feeds);
      for (const [i, proto] of tensors(set, "output").entries()) {
        if (!proto) return "skipped: what is no tensor";
        const name = session.outputNames[i]!;
        const wrong = difference(results[name]!, tensorOf(proto));
        if (wrong !== undefined) return `wrong: ${name} is ${wrong}`;
      }
    }
    return "passes";
  } catch (error) {
    const { code, message } = error as { code?: string; message: string };
    return code === "PARE_UNSUPPORTED" ? `skipped: ${message}` : `wrong: ${message}`;
  }
}

/** Least number of cases that pass. */
const kinds: [string, number][] = [
  ["node", 850],
  ["simple", 7],
  ["pytorch-converted", 82],
  ["pytorch-operator", 35],
];
(isInstalled ? describe : describe.skip)("the conformance tests of ONNX, run", () => {
  test.each(kinds)(
    "%s",
    async (kind, least) => {
      const outcomes = new Map<string, string>();
      for (const path of casesOf(kind)) outcomes.set(path.slice(root.length), await check(path));
      const list = [...outcomes];
      if (process.env.PARE_OUTCOMES) for (const [path, outcome] of list) process.stdout.write(`${path}\t${outcome}\n`);
      expect(list.filter(([, outcome]) => outcome.startsWith("wrong"))).toEqual([]);
      expect(list.filter(([, outcome]) => outcome === "passes").length).toBeGreaterThanOrEqual(least);
    },
    300_000,
  );
});
