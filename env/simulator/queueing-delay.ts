/**
 * Formulas of the queueing model: waiting of one pod, and the p95 of a sum of times.
 *
 * A pod is a station of `cores` servers, first come first served, with Poisson arrivals and gamma service times
 * (M/G/c). First come first served, because a visit's CPU time (0.1–5 ms in the shipped apps) is of the order of a scheduler's slice
 * (Go 10 ms, Linux about 3 ms, CPython 5 ms, Node.js none): requests mostly run to completion in order of arrival.
 */

/** Above this utilisation the stationary formulas no longer hold within a tick; the fluid backlog carries the rest. */
export const highestStationaryUtilization = 0.98;

const probabilityIntervals = 512;

/**
 * Probability that an arrival finds all cores busy, tabled over utilisation k / 512 (k = 0 … 512).
 * Sakasegawa (1977): ρ^(√(2(c+1)) − 1); for one core this is ρ, which is exact.
 */
export function waitProbabilityTable(cores: number): Float64Array {
  const exponent = Math.sqrt(2 * (cores + 1)) - 1;
  return Float64Array.from({ length: probabilityIntervals + 1 }, (_, k) => (k / probabilityIntervals) ** exponent);
}

/** Linear between the table's points. */
export function waitProbability(table: Float64Array, utilization: number): number {
  const position = utilization * probabilityIntervals;
  const k = position < probabilityIntervals ? position | 0 : probabilityIntervals - 1;
  return table[k] + (table[k + 1] - table[k]) * (position - k);
}

/**
 * Factors of the waiting time W that depend on the service time's squared coefficient of variation alone. With
 * h = S / (c (1 − ρ)) and P the probability of waiting:
 *   E[W]  = P h mean
 *   E[W²] = P h² (squareBusy ρ + squareIdle (1 − ρ))
 * For one core this is Pollaczek–Khinchine and Takács' second moment with gamma service times, hence exact; for
 * several cores with exponential service it is M/M/c given P, and Allen–Cunneen's factor (1 + C²) / 2 otherwise.
 */
export function waitFactors(squaredVariation: number): { mean: number; squareBusy: number; squareIdle: number } {
  const both = 1 + squaredVariation;
  return { mean: both / 2, squareBusy: (both * both) / 2, squareIdle: (both * (1 + 2 * squaredVariation)) / 3 };
}

const variationIntervals = 512;
/** Up to here (σ = z) more variance raises the 95th percentile of a lognormal; beyond, the table holds its value. */
const z95 = 1.6448536269514722;
const highestVariation = Math.sqrt(Math.exp(z95 * z95) - 1);

/**
 * 95th percentile of a lognormal distribution over its mean, exp(z σ − σ²/2) with σ² = ln(1 + v²), tabled over the
 * coefficient of variation v. Lognormal came closer to the discrete-event simulation than gamma at every load above 40 %.
 */
const p95OverMean = Float64Array.from({ length: variationIntervals + 1 }, (_, k) => {
  const variation = (highestVariation * k) / variationIntervals;
  const sigma = Math.sqrt(Math.log(1 + variation * variation));
  return Math.exp(z95 * sigma - (sigma * sigma) / 2);
});

/** p95 of a lognormal time with this mean and variance; does not decrease with either. */
export function lognormalP95(mean: number, variance: number): number {
  if (!(mean > 0)) return 0;
  const position = (Math.sqrt(variance) / mean) * (variationIntervals / highestVariation);
  if (position >= variationIntervals) return mean * p95OverMean[variationIntervals];
  const k = position | 0;
  return mean * (p95OverMean[k] + (p95OverMean[k + 1] - p95OverMean[k]) * (position - k));
}
