/** Importance by magnitude: small weights go first (L1; for single weights L2 orders them alike). */
import type { Importance } from "./importance.js";

export const magnitude: Importance = {
  name: "magnitude",
  score: ({ values }) => values,
};
