/**
 * One reconciliation of an HPA after its metrics are known: stabilisation, rate limits and bounds
 * (`reconcileAutoscaler` and `normalizeDesiredReplicasWithBehaviors` of Kubernetes v1.36). It remembers the
 * recommendations and scale events of many HPAs that share one behavior; an HPA by itself is a reconciler with one.
 */
import {
  type HpaBehavior,
  type HpaScalingRules,
  type RecentScaling,
  scaleDownLimit,
  scaleUpLimit,
} from './behavior.ts';
import { invalidMetric } from './replica-calculator.ts';
import { ScaleEvents } from './scale-events.ts';
import { TimedRings } from './timed-rings.ts';

export interface HpaReconcilerOptions {
  /** How many HPAs are remembered. */
  instances: number;
  behavior: HpaBehavior;
  /** Seconds between two reconciliations of an HPA; sizes the memory (Kubernetes: 15). */
  syncPeriodSeconds: number;
}

export class HpaReconciler {
  readonly #behavior: HpaBehavior;
  readonly #recommendations: TimedRings;
  readonly #ups: ScaleEvents;
  readonly #downs: ScaleEvents;
  readonly #seen: Uint8Array;
  readonly #recent: RecentScaling;
  /** The instance and time that `#recent` answers for. */
  #instance = 0;
  #second = 0;

  constructor({ instances, behavior, syncPeriodSeconds }: HpaReconcilerOptions) {
    this.#behavior = behavior;
    const { scaleUp, scaleDown } = behavior;
    const window = Math.max(scaleUp.stabilizationWindowSeconds, scaleDown.stabilizationWindowSeconds);
    this.#recommendations = new TimedRings(instances, Math.ceil(window / syncPeriodSeconds) + 2);
    this.#ups = new ScaleEvents(instances, longestPeriodSeconds(scaleUp), syncPeriodSeconds);
    this.#downs = new ScaleEvents(instances, longestPeriodSeconds(scaleDown), syncPeriodSeconds);
    this.#seen = new Uint8Array(instances);
    this.#recent = {
      added: (periodSeconds) => this.#ups.sumAfter(this.#instance, this.#second - periodSeconds),
      removed: (periodSeconds) => this.#downs.sumAfter(this.#instance, this.#second - periodSeconds),
    };
  }

  /** Forgets an HPA, as if it were deleted and made anew. */
  reset(instance: number): void {
    this.#recommendations.reset(instance);
    this.#ups.reset(instance);
    this.#downs.reset(instance);
    this.#seen[instance] = 0;
  }

  /**
   * The replicas to set now; the scale event is remembered as carried out.
   * @param recommended from the metrics, or `invalidMetric` when they say nothing: then the current stay, and nothing
   * is remembered
   */
  reconcile(
    instance: number,
    second: number,
    currentReplicas: number,
    recommended: number,
    minReplicas: number,
    maxReplicas: number,
  ): number {
    if (!this.#seen[instance]) {
      this.#seen[instance] = 1;
      this.#recommendations.push(instance, second, currentReplicas);
    }
    let replicas = currentReplicas;
    if (currentReplicas === 0 && minReplicas !== 0) return 0; // scaled to zero by hand: autoscaling is off
    if (currentReplicas > maxReplicas) replicas = maxReplicas;
    else if (currentReplicas < minReplicas) replicas = minReplicas;
    else if (recommended === invalidMetric) return currentReplicas;
    else {
      const stabilized = this.#stabilize(instance, second, currentReplicas, recommended);
      replicas = this.#limit(instance, second, currentReplicas, stabilized, minReplicas, maxReplicas);
    }
    if (replicas > currentReplicas) this.#ups.record(instance, second, replicas - currentReplicas);
    else if (replicas < currentReplicas) this.#downs.record(instance, second, currentReplicas - replicas);
    return replicas;
  }

  /** `stabilizeRecommendationWithBehaviors`: the change that every recommendation of its window agrees to. */
  #stabilize(instance: number, second: number, currentReplicas: number, recommended: number): number {
    const { scaleUp, scaleDown } = this.#behavior;
    const rings = this.#recommendations;
    const lowest = rings.minAfter(instance, second - scaleUp.stabilizationWindowSeconds, recommended);
    const highest = rings.maxAfter(instance, second - scaleDown.stabilizationWindowSeconds, recommended);
    rings.push(instance, second, recommended);
    return Math.min(Math.max(currentReplicas, lowest), highest);
  }

  /** `convertDesiredReplicasWithBehaviorRate`. */
  #limit(
    instance: number,
    second: number,
    currentReplicas: number,
    wanted: number,
    minReplicas: number,
    maxReplicas: number,
  ): number {
    if (wanted === currentReplicas) return wanted;
    this.#instance = instance;
    this.#second = second;
    if (wanted > currentReplicas) {
      const limit = scaleUpLimit(currentReplicas, this.#behavior.scaleUp, this.#recent);
      return Math.min(wanted, limit, maxReplicas);
    }
    const limit = scaleDownLimit(currentReplicas, this.#behavior.scaleDown, this.#recent);
    return Math.max(wanted, limit, minReplicas);
  }
}

function longestPeriodSeconds(rules: HpaScalingRules): number {
  return rules.policies.reduce((longest, policy) => Math.max(longest, policy.periodSeconds), 0);
}
