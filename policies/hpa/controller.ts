/** A HorizontalPodAutoscaler for every service of every lane, deciding in one pass over typed arrays. */
import type { AppModel } from '../../env/apps/app-model.ts';
import type { FleetActions, FleetController, FleetMetrics } from '../../env/ports.ts';
import type { HpaBehavior } from './behavior.ts';
import { HpaReconciler } from './reconciler.ts';
import {
  averageValueReplicas,
  combineProposals,
  externalPerPodReplicas,
  type HpaTolerances,
  invalidMetric,
  type PodClasses,
  resourceUtilizationReplicas,
} from './replica-calculator.ts';

/**
 * A metric of `spec.metrics`, with one target per service.
 * - `cpu`, `memory`: Resource metric with averageUtilization, percent
 * - `requests-per-pod`: Pods metric with averageValue, requests/s of a measured pod
 * - `requests`: External metric with averageValue, as KEDA's Prometheus scaler makes it, requests/s per pod
 */
export interface HpaMetric {
  readonly kind: 'cpu' | 'memory' | 'requests-per-pod' | 'requests';
  readonly targets: readonly number[];
}

export interface HpaControllerOptions {
  services: AppModel['services'];
  lanes: number;
  metrics: readonly HpaMetric[];
  behavior: HpaBehavior;
  syncPeriodSeconds: number;
}

export function createHpaController(options: HpaControllerOptions): FleetController {
  const { services, lanes, metrics, behavior, syncPeriodSeconds } = options;
  const reconciler = new HpaReconciler({ instances: services.length * lanes, behavior, syncPeriodSeconds });
  const tolerances: HpaTolerances = {
    scaleUp: behavior.scaleUp.tolerance,
    scaleDown: behavior.scaleDown.tolerance,
  };
  const pods: PodClasses = { measured: 0, average: 0, unready: 0, missing: 0 };

  function proposal(fleet: FleetMetrics, metric: HpaMetric, service: number, index: number): number {
    const target = metric.targets[service];
    const desired = fleet.desired[index];
    switch (metric.kind) {
      case 'requests':
        return externalPerPodReplicas(desired, target, fleet.requestsPerSecond[index], tolerances);
      case 'requests-per-pod':
        classifyPods(fleet, index, pods);
        pods.average = fleet.requestsPerSecond[index] / fleet.measuredReady[index];
        return averageValueReplicas(desired, target, pods, tolerances);
      default:
        classifyPods(fleet, index, pods);
        pods.average = metric.kind === 'cpu' ? fleet.cpuPercent[index] : fleet.memory[index];
        return resourceUtilizationReplicas(desired, target, pods, tolerances);
    }
  }

  return {
    intervalSeconds: syncPeriodSeconds,

    resetLane(lane) {
      for (let service = 0; service < services.length; service++) reconciler.reset(service * lanes + lane);
    },

    decide(fleet: FleetMetrics, actions: FleetActions) {
      for (let service = 0; service < services.length; service++) {
        const { minReplicas, maxReplicas } = services[service];
        for (let lane = 0; lane < lanes; lane++) {
          const index = service * lanes + lane;
          const current = fleet.desired[index];
          let largest = invalidMetric;
          let invalid = 0;
          for (let m = 0; m < metrics.length; m++) {
            const replicas = proposal(fleet, metrics[m], service, index);
            if (replicas === invalidMetric) invalid += 1;
            else if (replicas > largest) largest = replicas;
          }
          const recommended = combineProposals(largest, invalid, metrics.length, current);
          const second = fleet.second[lane];
          actions.replicas[index] = reconciler.reconcile(index, second, current, recommended, minReplicas, maxReplicas);
        }
      }
    },
  };
}

/**
 * Pods removed since the measurement have left the class of measured ones; those that became ready since have no
 * metric yet; ordered ones that are not ready are pending.
 */
function classifyPods(fleet: FleetMetrics, index: number, pods: PodClasses): void {
  const ready = fleet.ready[index];
  pods.measured = Math.min(fleet.measuredReady[index], ready);
  pods.missing = ready - pods.measured;
  pods.unready = Math.max(0, fleet.desired[index] - ready);
}
