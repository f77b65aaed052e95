/** The same weights go as with torch.nn.utils.prune (bench/oracle/prune.py). */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { prune } from "../../lib/prune/index.js";
import { modelOf, valuesOf, type Values } from "./models.js";

interface Golden {
  weights: Record<string, { dims: number[]; float32: string }>;
  cases: {
    scope: "local" | "global";
    amount: number | null;
    sparsity: number | null;
    kept: Record<string, number>;
    masks: Record<string, string>;
  }[];
}

const golden = JSON.parse(readFileSync(join(__dirname, "../goldens/prune.json"), "utf8")) as Golden;
const weights: Record<string, Values> = Object.fromEntries(
  Object.entries(golden.weights).map(([name, { dims, float32 }]) => {
    const bytes = new Uint8Array(Buffer.from(float32, "base64"));
    return [name, { dims, data: new Float32Array(bytes.buffer) }];
  }),
);

for (const { scope, amount, sparsity, masks, kept } of golden.cases) {
  const ways = [
    ...(amount === null ? [] : [["amount", { amount }] as const]),
    ...(sparsity === null ? [] : [["sparsity", { sparsity }] as const]),
  ];
  test.each(ways)(`%s ${amount ?? sparsity!}, ${scope}`, async (_, way) => {
    const pruned = await prune(modelOf(weights), { ...way, scope });
    for (const [name, mask] of Object.entries(masks)) {
      const wanted = Array.from(weights[name]!.data, (value, i) => (mask[i] === "1" ? value : 0));
      expect(valuesOf(pruned, name)).toEqual(wanted);
      const row = pruned.report.rows.find((one) => one.name === name)!;
      expect(row.zeros).toBe(wanted.filter((value) => value === 0).length);
      expect(row.zeros).toBeGreaterThanOrEqual(mask.length - kept[name]!);
    }
  });
}
