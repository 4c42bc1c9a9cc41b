/**
 * The simulated HPA beside a real one, sync by sync. A sync of the real controller is seen by its requests for metrics;
 * what it then decided is in the scale at its next one. The simulated HPA decides at the same moment from the same pods,
 * metrics and current replicas.
 */
import { type HpaBehavior, parseHpaBehavior } from './behavior.ts';
import type { Scenario } from './differential-scenario.fixture.ts';
import { groupPods, type HpaPod, type PodReadinessOptions } from './pod-classes.ts';
import { HpaReconciler } from './reconciler.ts';
import { combineProposals, invalidMetric, resourceUtilizationReplicas } from './replica-calculator.ts';

/** A sync of which both outcomes are known. */
export interface ComparedSync {
  readonly scenario: string;
  readonly sync: number;
  readonly second: number;
  readonly recommended: number;
  readonly current: number;
  readonly simulated: number;
  readonly real: number;
  /**
   * By how much the simulated HPA's clock has to be put forward or back for it to agree: an event left a window, or a pod
   * its youth, between the moment at which we looked at the clock and those at which the controller did.
   */
  readonly clockShiftSeconds: number;
}

/** Tried in this order. The controller reads its clock after it has our metrics; on a busy machine that is later. */
const clockShiftsSeconds = [0, -0.05, 0.05, -0.15, 0.15, -0.4, 0.4];

interface Reconciliation {
  readonly second: number;
  readonly current: number;
  readonly recommended: number;
}

interface Alternative extends Reconciliation {
  readonly shift: number;
  readonly decided: number;
}

export class LockStep {
  readonly scenario: Scenario;
  readonly compared: ComparedSync[] = [];
  readonly #behavior: HpaBehavior;
  readonly #readiness: PodReadinessOptions;
  readonly #history: Reconciliation[] = [];
  #undecided: { current: number; alternatives: Alternative[] } | undefined;
  #sync = -1;

  constructor(scenario: Scenario, readiness: PodReadinessOptions) {
    this.scenario = scenario;
    this.#behavior = parseHpaBehavior(scenario.behavior);
    this.#readiness = readiness;
  }

  /** Number of the sync under way, from 0; −1 before the first. */
  get sync(): number {
    return this.#sync;
  }

  /**
   * A sync begins.
   * @param current spec.replicas, which is also the outcome of the sync before unless that was settled already
   * @param podsOf the pods with their metrics in this sync, by resource
   */
  begin(second: number, current: number, podsOf: (resource: 'cpu' | 'memory') => readonly HpaPod[]): void {
    this.settle(current);
    this.#sync++;
    const { minReplicas, maxReplicas, initialReplicas } = this.scenario;
    if (this.#sync === 0 && (initialReplicas < minReplicas || initialReplicas > maxReplicas)) {
      // A sync that asks for no metrics: it only brings the replicas within their bounds.
      this.#history.push({ second: second - 1, current: initialReplicas, recommended: invalidMetric });
    }
    const alternatives = clockShiftsSeconds.map((shift) => {
      const entry = { second: second + shift, current, recommended: this.#recommend(second + shift, current, podsOf) };
      return { ...entry, shift, decided: this.#replay([...this.#history, entry]) };
    });
    this.#undecided = { current, alternatives };
  }

  /** The outcome of the sync under way is known. */
  settle(real: number): void {
    if (this.#undecided === undefined) return;
    const { current, alternatives } = this.#undecided;
    this.#undecided = undefined;
    const agreeing = alternatives.find(({ decided }) => decided === real);
    const { second, recommended, decided, shift } = agreeing ?? alternatives[0];
    this.#history.push({ second, current, recommended });
    this.compared.push({
      scenario: this.scenario.name,
      sync: this.#sync,
      second,
      recommended,
      current,
      simulated: decided,
      real,
      clockShiftSeconds: shift,
    });
  }

  /** Whether the real HPA has done what the simulated one decided; as long as it has not, it may still be about to. */
  agrees(real: number): boolean {
    return this.#undecided?.alternatives[0].decided === real;
  }

  #recommend(second: number, current: number, podsOf: (resource: 'cpu' | 'memory') => readonly HpaPod[]): number {
    const { scaleUp, scaleDown } = this.#behavior;
    const tolerances = { scaleUp: scaleUp.tolerance, scaleDown: scaleDown.tolerance };
    let largest = invalidMetric;
    let invalid = 0;
    for (const { resource, targetPercent } of this.scenario.metrics) {
      const classes = groupPods(podsOf(resource), resource === 'cpu' ? 'cpu' : 'other', second, this.#readiness);
      const proposal = resourceUtilizationReplicas(current, targetPercent, classes, tolerances);
      if (proposal === invalidMetric) invalid++;
      largest = Math.max(largest, proposal);
    }
    return combineProposals(largest, invalid, this.scenario.metrics.length, current);
  }

  /** What an HPA that has lived through these reconciliations decides in the last of them. */
  #replay(history: readonly Reconciliation[]): number {
    // Rings for a sync every half second: they never come faster.
    const reconciler = new HpaReconciler({ instances: 1, behavior: this.#behavior, syncPeriodSeconds: 0.5 });
    const { minReplicas, maxReplicas } = this.scenario;
    let decided = 0;
    for (const { second, current, recommended } of history) {
      decided = reconciler.reconcile(0, second, current, recommended, minReplicas, maxReplicas);
    }
    return decided;
  }
}
