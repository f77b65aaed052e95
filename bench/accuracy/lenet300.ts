/** LeNet-300-100 on MNIST: dense, pruned without loss, and as far as 0.3 points go; over three seeds. */
import * as pare from "../../lib/index.js";
import { pruningTable } from "../frame/pruning.js";
import type { BenchReport } from "../frame/report.js";

export const title = "LeNet-300-100 on MNIST, pruned";

const { dense, dropout, relu } = pare;

export function run(report: BenchReport): Promise<void> {
  return pruningTable(report, {
    dims: [784],
    layers: [dropout(0.1), dense(300), relu(), dropout(0.25), dense(100), relu(), dropout(0.1), dense(10)],
    dense: {
      epochs: 24,
      batchSize: 128,
      optimizer: pare.adam({ lr: 2e-3 }),
      schedule: pare.cosineDecay({ least: 0.001 }),
    },
    // Quickly to a tenth, then by a fifth each time.
    densities: [
      1,
      0.5,
      0.3,
      0.2,
      0.14,
      0.11,
      1 / 12.2,
      0.065,
      0.052,
      0.042,
      0.034,
      0.027,
      0.0215,
      0.0175,
      1 / 70,
      1 / 85,
      0.01,
    ],
    stage: {
      epochs: 6,
      batchSize: 128,
      optimizer: pare.adam({ lr: 2e-3 }),
      schedule: pare.cosineDecay({ least: 0.001 }),
    },
    goal: 12,
    mostLoss: 0.003,
  });
}
