/** Schedules: what the learning rate is multiplied with at each step. */
import { PareError } from "../errors.js";

/** From a step (0, 1, …) and the number of all steps to a factor. */
export type Schedule = (step: number, total: number) => number;

export const constant = (): Schedule => () => 1;

/** Times `gamma` after each of the `milestones`, which are shares of the whole training. */
export function stepDecay({
  milestones = [0.5, 0.75],
  gamma = 0.1,
}: { milestones?: readonly number[]; gamma?: number } = {}): Schedule {
  return (step, total) => gamma ** milestones.filter((share) => step >= share * total).length;
}

/** Half a cosine from 1 to `least` (Loshchilov & Hutter 2017). */
export function cosineDecay({ least = 0 }: { least?: number } = {}): Schedule {
  return (step, total) => least + ((1 - least) * (1 + Math.cos((Math.PI * step) / Math.max(1, total)))) / 2;
}

/** From near 0 to 1 over the first `share` of the steps, then another schedule over the rest. */
export function warmUp(share = 0.05, then: Schedule = constant()): Schedule {
  if (!(share > 0 && share < 1)) throw new PareError("PARE_OPTION", `share must be above 0 and below 1; got ${share}.`);
  return (step, total) => {
    const steps = Math.max(1, Math.round(share * total));
    return step < steps ? (step + 1) / (steps + 1) : then(step - steps, total - steps);
  };
}

/** Up to 1 and down again to almost nothing (Smith & Topin 2018); lr is the highest rate. */
export function oneCycle({
  share = 0.3,
  first = 1 / 25,
  last = 1e-4,
}: { share?: number; first?: number; last?: number } = {}): Schedule {
  const between = (from: number, to: number, at: number): number =>
    from + ((to - from) * (1 - Math.cos(Math.PI * Math.min(1, at)))) / 2;
  return (step, total) => {
    const peak = Math.max(1, share * total - 1);
    return step <= peak
      ? between(first, 1, step / peak)
      : between(1, last, (step - peak) / Math.max(1, total - 1 - peak));
  };
}

export const schedules = { constant, stepDecay, cosineDecay, warmUp, oneCycle };
export type ScheduleName = keyof typeof schedules;
