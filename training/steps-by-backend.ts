/** Decisions to train for when nobody says how many. */

/** Enough on each backend to be past the tuned HPA of most applications, in about two minutes on two cores. */
export const stepsByBackend = { native: 3_000_000, wasm: 1_000_000, cpu: 250_000 } as const;
