/** LeNet-300-100 on MNIST: dense, pruned without loss, and as far as 0.3 points go; over three seeds. */
import * as pare from "../../lib/index.js";
import { pruningTable } from "../frame/pruning.js";
import type { BenchReport } from "../frame/report.js";

export const title = "LeNet-300-100 on MNIST, pruned";

const { dense, dropout, relu } = pare;

/** Little, so that weights of pixels that are always dark become small and go first. */
const regularize = [pare.l2(1e-5)];

export function run(report: BenchReport): Promise<void> {
  return pruningTable(report, {
    dims: [784],
    layers: [dropout(0.1), dense(300), relu(), dropout(0.25), dense(100), relu(), dropout(0.1), dense(10)],
    dense: {
      epochs: 20,
      batchSize: 128,
      optimizer: pare.adam({ lr: 1.5e-3 }),
      regularize,
      schedule: pare.cosineDecay({ least: 0.001 }),
    },
    densities: [1, 0.35, 0.16, 1 / 12.2, 0.05, 0.033, 0.0225, 1 / 57, 1 / 70, 1 / 85],
    stage: {
      epochs: 6,
      batchSize: 128,
      optimizer: pare.adam({ lr: 1.5e-3 }),
      regularize,
      schedule: pare.cosineDecay({ least: 0.001 }),
    },
    goal: 12,
    mostLoss: 0.003,
  });
}
