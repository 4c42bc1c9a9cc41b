/** Sharing what is left of maxReplicaBudget among the loops that would grow. Pure. */

export interface GrowthRequest {
  readonly closedLoop: string;
  /** Size that it keeps whatever the budget: that in force, or the smallest one allowed. */
  readonly floor: number;
  /** Size that it would have without a budget. */
  readonly wanted: number;
}

/**
 * The size that each may have: what it wants when that is not above its floor, otherwise its floor and a share of what is
 * left, as even as can be (nobody gets more while somebody with less is still short; odd pods go in order of name). The sum is
 * within the budget unless the floors alone, with `others`, are above it.
 * @param others sizes of the loops that ask for nothing, together
 */
export function shareBudget(
  requests: readonly GrowthRequest[],
  others: number,
  budget: number,
): ReadonlyMap<string, number> {
  // A size on its way down still counts as it is: a breach may yet keep it there.
  let left = Math.max(0, budget - others - requests.reduce((sum, { floor }) => sum + floor, 0));
  const sizes = new Map(requests.map(({ closedLoop, floor, wanted }) => [closedLoop, Math.min(floor, wanted)]));
  const need = ({ floor, wanted }: GrowthRequest) => wanted - floor;
  // By need, so that what a modest one leaves over is there for those after it.
  const growing = requests
    .filter((request) => need(request) > 0)
    .sort((a, b) => need(a) - need(b) || (a.closedLoop < b.closedLoop ? -1 : 1));
  growing.forEach((request, index) => {
    const granted = Math.min(need(request), Math.ceil(left / (growing.length - index)));
    sizes.set(request.closedLoop, request.floor + granted);
    left -= granted;
  });
  return sizes;
}
