/** LeNet-5 (20-50-500-10) on MNIST: dense, pruned without loss, and as far as 0.3 points go; over three seeds. */
import * as pare from "../../lib/index.js";
import { pruningTable } from "../frame/pruning.js";
import type { BenchReport } from "../frame/report.js";

export const title = "LeNet-5 on MNIST, pruned";

const { conv, dense, dropout, flatten, maxPool, relu } = pare;
const regularize = [pare.l2(1e-5)];

export function run(report: BenchReport): Promise<void> {
  return pruningTable(report, {
    dims: [1, 28, 28],
    layers: [
      ...[conv(20, 5), relu(), maxPool(2), conv(50, 5), relu(), maxPool(2)],
      ...[flatten(), dense(500), relu(), dropout(0.4), dense(10)],
    ],
    dense: {
      epochs: 8,
      optimizer: pare.adam({ lr: 1.5e-3 }),
      regularize,
      schedule: pare.cosineDecay({ least: 0.001 }),
    },
    densities: [1, 0.25, 1 / 12.2, 0.035, 0.018, 1 / 80, 1 / 110, 1 / 140],
    stage: {
      epochs: 3,
      optimizer: pare.adam({ lr: 1.5e-3 }),
      regularize,
      schedule: pare.cosineDecay({ least: 0.001 }),
    },
    goal: 12,
    mostLoss: 0.003,
  });
}
