/**
 * The cheapest plan that never breaks the SLA, with a start-up delay.
 *
 * Pods leave in the reverse order of their ordering (pending ones first), so a pod that was ordered as the i-th is ready
 * in tick t just when desired was at least i in the ticks t − D … t, D being the cold start in ticks:
 *
 *   ready(t) = min over k = 0 … D of desired(t − k)
 *
 * So ready(t) ≥ needed(t) for all t says exactly that desired(t) ≥ needed(t + k) for k = 0 … D, and the least such plan
 * is the largest need of the coming cold start. It is least in every single tick, hence cheapest for any cost that grows
 * with the size. It keeps a pod through gaps that are shorter than its cold start and drops it in longer ones.
 */

/** Ticks from ordering a pod to the first tick that it serves. */
export function coldStartTicks(coldStartSeconds: number, tickSeconds: number): number {
  return Math.ceil(coldStartSeconds / tickSeconds);
}

/**
 * Desired group size per tick, ordered at the start of the tick. What the first cold start needs counts as ready before
 * the first tick.
 */
export function coverNeeds(needed: Int32Array, coldTicks: number): Int32Array {
  const plan = new Int32Array(needed.length);
  for (let tick = 0; tick < plan.length; tick++) {
    const end = Math.min(plan.length - 1, tick + coldTicks);
    let most = 0;
    for (let ahead = tick; ahead <= end; ahead++) if (needed[ahead] > most) most = needed[ahead];
    plan[tick] = most;
  }
  return plan;
}

/** Ready group size per tick under a plan whose first size is ready from the start. */
export function readyUnderPlan(plan: Int32Array, coldTicks: number): Int32Array {
  const ready = new Int32Array(plan.length);
  for (let tick = 0; tick < plan.length; tick++) {
    let least = plan[tick];
    for (let back = Math.max(0, tick - coldTicks); back < tick; back++) if (plan[back] < least) least = plan[back];
    ready[tick] = least;
  }
  return ready;
}
