/** A few steps that stand for many. */

const strata = 30;

/**
 * At most `most` of the steps, in order, spread evenly over the range of `levelOf`, so that what is rare (high load) is not
 * lost among what is usual.
 */
export function selectSteps(steps: readonly number[], levelOf: (step: number) => number, most: number): number[] {
  if (steps.length <= most) return [...steps];
  const levels = steps.map(levelOf);
  const low = levels.reduce((least, level) => Math.min(least, level), Number.POSITIVE_INFINITY);
  const high = levels.reduce((greatest, level) => Math.max(greatest, level), Number.NEGATIVE_INFINITY);
  const byStratum: number[][] = Array.from({ length: strata }, () => []);
  for (const [i, step] of steps.entries()) {
    const stratum = high > low ? Math.floor(((levels[i] - low) / (high - low)) * strata) : 0;
    byStratum[Math.min(strata - 1, stratum)].push(step);
  }
  // The scarcest first: what they leave of their share goes to the others.
  const order = byStratum.filter((one) => one.length > 0).sort((a, b) => a.length - b.length);
  const chosen: number[] = [];
  for (const [i, stratum] of order.entries()) {
    const share = Math.min(stratum.length, Math.floor((most - chosen.length) / (order.length - i)));
    for (let k = 0; k < share; k++) chosen.push(stratum[Math.floor(((k + 0.5) * stratum.length) / share)]);
  }
  return chosen.sort((a, b) => a - b);
}
