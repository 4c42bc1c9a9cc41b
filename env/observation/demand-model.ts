/** What a calibrated app model lets an observer expect: CPU of a healthy pod, and the load that a group size can carry. */
import type { AppModel } from '../apps/app-model.ts';
import { memberReplicas } from '../apps/group.ts';
import { createGroupDemand } from '../simulator/create-kernel.ts';
import { createMeasuredSurface } from '../simulator/measured-surface.ts';
import { visitsPerRequest } from '../simulator/queueing.ts';

export interface DemandModel {
  /** Load within the SLA of group size g at [g − 1], requests/s. */
  readonly capacities: Float64Array;
  /** CPU percent of a pod of the service with `ready` pods under the application's load, at capacity factor 1. */
  expectedCpuPercent(service: number, ready: number, load: number): number;
  /** Pods of the service in a complete set of that group size. */
  members(service: number, groupSize: number): number;
}

export function createDemandModel(app: AppModel): DemandModel {
  const { serving, services } = app;
  const memberTable = services.map((service) =>
    Int32Array.from({ length: app.maxGroupSize + 1 }, (_, size) => memberReplicas(service, size)),
  );
  return {
    capacities: createGroupDemand(app).capacities,
    expectedCpuPercent: serving.kind === 'measured' ? measuredCpu(serving.curves) : queueingCpu(app, serving),
    members: (service, groupSize) => memberTable[service][groupSize],
  };
}

function measuredCpu(curves: Extract<AppModel['serving'], { kind: 'measured' }>['curves']) {
  const surface = createMeasuredSurface(curves);
  return (_service: number, ready: number, load: number) =>
    surface.cpuPercent(Math.min(surface.maxReplicas, Math.max(1, ready)), load);
}

/** Utilisation law: visits × CPU time per visit ÷ cores. */
function queueingCpu(app: AppModel, serving: Extract<AppModel['serving'], { kind: 'queueing' }>) {
  const visits = visitsPerRequest(app);
  const percentPerLoad = serving.demands.map(
    ({ cpuMilliseconds, cores }, i) => (visits[i] * cpuMilliseconds) / (10 * cores),
  );
  return (service: number, ready: number, load: number) => (percentPerLoad[service] * load) / Math.max(1, ready);
}
