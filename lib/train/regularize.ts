/** Regularizers: what is added to the loss for the size of the weights, or taken off the weights themselves. */
import { PareError } from "../errors.js";
import type { Model, Weight } from "../model/index.js";
import { requireFilter, type NameFilter } from "../rewrite/names.js";

export interface RegularizeOptions {
  /**
   * penalty: in the loss, the default. decoupled: beside the gradient, lr·λ·w a step (l2 only). proximal: weights below lr·λ
   * become exact zeros (l1 only; Parikh & Boyd 2014).
   */
  form?: "penalty" | "decoupled" | "proximal";
  /** Which weights, by name; default: all that are trained and have at least two dimensions (no biases, no norms). */
  parameters?: NameFilter;
}

export interface Regularizer {
  readonly kind: "l1" | "l2" | "l2sp";
  readonly lambda: number;
  readonly form: "penalty" | "decoupled" | "proximal";
  readonly parameters?: NameFilter;
  /** Of l2sp: the weight that a parameter is drawn to. */
  readonly sourceOf?: (name: string) => Weight | undefined;
}

function regularizer(
  kind: "l1" | "l2",
  lambda: number,
  { form = "penalty", parameters }: RegularizeOptions,
): Regularizer {
  if (!(lambda >= 0 && Number.isFinite(lambda)))
    throw new PareError("PARE_OPTION", `the λ of ${kind} must be at least 0; got ${lambda}.`);
  requireFilter(parameters, "parameters");
  const fitting = kind === "l1" ? ["penalty", "proximal"] : ["penalty", "decoupled"];
  if (!fitting.includes(form))
    throw new PareError("PARE_OPTION", `${kind} has the forms ${fitting.join(" and ")}; got ${form}.`);
  return { kind, lambda, form, ...(parameters ? { parameters } : {}) };
}

/** λ·Σ|w| */
export const l1 = (lambda: number, options: RegularizeOptions = {}): Regularizer => regularizer("l1", lambda, options);
/** λ·Σw² */
export const l2 = (lambda: number, options: RegularizeOptions = {}): Regularizer => regularizer("l2", lambda, options);
/**
 * λ·Σ(w − w₀)², w₀ the weights of the model that training begins with: what was learned before is not forgotten (Li, Grandvalet
 * & Davoine 2018). Weights that the source lacks, as those of a new head, are left out.
 */
export const l2sp = (lambda: number, source: Model, parameters?: NameFilter): Regularizer => ({
  ...regularizer("l2", lambda, parameters ? { parameters } : {}),
  kind: "l2sp",
  sourceOf: (name) => source.graph.weight(name),
});
/** Both: λ·(ratio·Σ|w| + (1 − ratio)·Σw²) (Zou & Hastie 2005). */
export const elasticNet = (lambda: number, ratio = 0.5, parameters?: NameFilter): Regularizer[] => {
  if (!(ratio >= 0 && ratio <= 1)) throw new PareError("PARE_OPTION", `ratio must be from 0 to 1; got ${ratio}.`);
  const options = parameters ? { parameters } : {};
  return [l1(lambda * ratio, options), l2(lambda * (1 - ratio), options)];
};
