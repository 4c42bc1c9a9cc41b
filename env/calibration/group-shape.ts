/** The bounds and ratios by which several services scale as one group, from the replica counts that were seen. */
import type { AppModel } from '../apps/app-model.ts';
import { UserError } from '../errors.ts';
import type { History, ServiceHistory } from './history.ts';

export interface GroupShape {
  readonly services: AppModel['services'];
  readonly minGroupSize: number;
  readonly maxGroupSize: number;
  readonly warnings: readonly string[];
}

/**
 * The group's size is the replica count of the service that has most pods on average among those that were scaled. A
 * service that was never scaled stays at its size.
 *
 * @throws UserError CALIBRATION_REFUSED when no service was scaled at all
 */
export function groupShape(history: History): GroupShape {
  const ranges = history.services.map(rangeOf);
  const scaled = ranges.filter(({ min, max }) => max > min);
  if (scaled.length === 0) {
    throw new UserError(
      'CALIBRATION_REFUSED',
      `no service was ever seen at more than one size (${ranges.map(({ service, min }) => `${service.name} ${min}`).join(', ')}): scale by hand or let an HPA scale while recording, so that the model knows what may be scaled and how far`,
    );
  }
  const leader = scaled.reduce((most, one) => (one.mean > most.mean ? one : most));
  const services = ranges.map(({ service, min, max }) => ({
    name: service.name,
    minReplicas: min,
    maxReplicas: max,
    ratio: max > min && service !== leader.service ? ratioTo(service, leader.service) : 1,
  }));
  const fixed = ranges.filter(({ min, max }) => max === min);
  const words = fixed.map(({ service, min }) => `${service.name} (${min})`).join(', ');
  return {
    services,
    minGroupSize: leader.min,
    maxGroupSize: leader.max,
    warnings:
      fixed.length > 0
        ? [`never seen scaled, so kept at one size: ${words}; edit minReplicas, maxReplicas and ratio if they may be`]
        : [],
  };
}

function rangeOf(service: ServiceHistory) {
  const ready = [...service.readyPods].filter((pods) => pods >= 1).map(Math.round);
  if (ready.length === 0) {
    throw new UserError(
      'CALIBRATION_REFUSED',
      `${service.name}: no ready pods are known; does kube-state-metrics cover its namespace?`,
    );
  }
  let [min, max, sum] = [Number.POSITIVE_INFINITY, 0, 0];
  for (const pods of ready) {
    min = Math.min(min, pods);
    max = Math.max(max, pods);
    sum += pods;
  }
  return { service, min, max, mean: sum / ready.length };
}

/** Such that ceil(ratio × leader) is what was seen: rounding up adds half a pod on average. */
function ratioTo(service: ServiceHistory, leader: ServiceHistory): number {
  let own = 0;
  let ofLeader = 0;
  let together = 0;
  let alike = 0;
  for (const [step, pods] of service.readyPods.entries()) {
    const size = leader.readyPods[step];
    if (!(pods >= 1) || !(size >= 1)) continue;
    own += pods;
    ofLeader += size;
    together++;
    if (pods === size) alike++;
  }
  if (together === 0 || alike > 0.9 * together) return 1;
  return Number(((own - together / 2) / ofLeader).toPrecision(3));
}
