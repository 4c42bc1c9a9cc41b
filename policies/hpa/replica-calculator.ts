/**
 * From one metric to a replica count, as the HPA controller of Kubernetes v1.36 computes it
 * (pkg/controller/podautoscaler/replica_calculator.go). The pods of a workload are given as three classes with
 * the average over the measured ones: all pods of a workload have the same request, so the sums that the source
 * forms over pods depend on nothing else. Pure; called by the batched controller with one reused record.
 */

/** What the HPA knows of a workload's pods; pods being deleted and failed pods belong to no class. */
export interface PodClasses {
  /** Pods whose metric counts. */
  measured: number;
  /** Mean of the metric over the measured pods: percent of the request, or the metric's unit; NaN when missing. */
  average: number;
  /** Pending pods, and for CPU those still starting: 0 when scaling up, left out when scaling down. */
  unready: number;
  /** Running pods without a metric: 0 when scaling up, assumed busy when scaling down. */
  missing: number;
}

/** Changes of the usage ratio that are ignored, as fractions. */
export interface HpaTolerances {
  scaleUp: number;
  scaleDown: number;
}

/** Returned in place of a replica count when the metric says nothing; the source returns an error there. */
export const invalidMetric = -1;

const maxInt32 = 2 ** 31 - 1;
/** Averages arrive as 32-bit floats: 70 % must not become 69 % by their rounding. */
const roundingSlack = 1e-4;

/** `Tolerances.isWithin`: both ends are inside. */
export function isWithinTolerance(usageRatio: number, tolerances: HpaTolerances): boolean {
  return 1 - tolerances.scaleDown <= usageRatio && usageRatio <= 1 + tolerances.scaleUp;
}

/** `GetResourceReplicas`: target is a utilisation in percent of the request; utilisation is cut to whole percent. */
export function resourceUtilizationReplicas(
  currentReplicas: number,
  targetPercent: number,
  pods: PodClasses,
  tolerances: HpaTolerances,
): number {
  return replicasForAverage(currentReplicas, targetPercent, 1, Math.max(100, targetPercent), pods, tolerances);
}

/** `calcPlainMetricReplicas` (Pods metrics, AverageValue of a resource): usage is cut to thousandths of the unit. */
export function averageValueReplicas(
  currentReplicas: number,
  targetAverage: number,
  pods: PodClasses,
  tolerances: HpaTolerances,
): number {
  return replicasForAverage(currentReplicas, targetAverage, 1000, targetAverage, pods, tolerances);
}

/**
 * `GetExternalPerPodMetricReplicas` (External metric with AverageValue, which is what KEDA's scalers make).
 * @param statusReplicas pods that exist, ready or not
 * @param usage the metric for the whole workload, in the unit of `targetPerPod`
 */
export function externalPerPodReplicas(
  statusReplicas: number,
  targetPerPod: number,
  usage: number,
  tolerances: HpaTolerances,
): number {
  if (Number.isNaN(usage)) return invalidMetric;
  if (isWithinTolerance(usage / (targetPerPod * statusReplicas), tolerances)) return statusReplicas;
  return Math.min(maxInt32, Math.ceil(usage / targetPerPod));
}

/**
 * `computeReplicasForMetrics`: the largest valid proposal wins; once a metric is invalid only scaling up is left.
 * @param largestProposal the largest valid proposal; ignored when no metric is valid
 */
export function combineProposals(
  largestProposal: number,
  invalidMetrics: number,
  metrics: number,
  currentReplicas: number,
): number {
  if (invalidMetrics >= metrics) return invalidMetric;
  if (invalidMetrics > 0 && largestProposal < currentReplicas) return invalidMetric;
  return largestProposal;
}

/** @param perUnit how many of the smallest steps that the source's integers can tell make one unit of the metric */
function replicasForAverage(
  currentReplicas: number,
  target: number,
  perUnit: number,
  assumedWhenMissing: number,
  pods: PodClasses,
  tolerances: HpaTolerances,
): number {
  const { measured, average, unready, missing } = pods;
  if (measured <= 0 || Number.isNaN(average)) return invalidMetric;

  const usageRatio = truncate(average, perUnit) / target;
  const scaleUpWithUnready = unready > 0 && usageRatio > 1;
  if (!scaleUpWithUnready && missing === 0) {
    return isWithinTolerance(usageRatio, tolerances) ? currentReplicas : Math.ceil(usageRatio * measured);
  }

  // Pods without a say are filled in against the direction of the change, to dampen it.
  let total = average * measured;
  let counted = measured;
  if (usageRatio < 1) total += missing * assumedWhenMissing;
  if (usageRatio !== 1) counted += missing;
  if (scaleUpWithUnready) counted += unready;

  const newRatio = truncate(total / counted, perUnit) / target;
  const turned = (usageRatio < 1 && newRatio > 1) || (usageRatio > 1 && newRatio < 1);
  if (turned || isWithinTolerance(newRatio, tolerances)) return currentReplicas;

  const replicas = Math.ceil(newRatio * counted);
  const turnedByCount = (newRatio < 1 && replicas > currentReplicas) || (newRatio > 1 && replicas < currentReplicas);
  return turnedByCount ? currentReplicas : replicas;
}

function truncate(value: number, perUnit: number): number {
  return Math.floor(value * perUnit + roundingSlack) / perUnit;
}
