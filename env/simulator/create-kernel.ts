/** From an app model to what serves it, and to what its group sizes can carry. */
import type { AppModel, MeasuredServing } from '../apps/app-model.ts';
import { memberReplicas } from '../apps/group.ts';
import { createMeasuredKernel, createMeasuredSurface } from './measured-surface.ts';
import { createQueueingCapacity, createQueueingKernel } from './queueing.ts';
import type { ServingKernel } from './serving-kernel.ts';

/** The kernel that an app model asks for. `demandFactor` (per lane, may change between ticks) scales each visit's CPU time. */
export function createServingKernel(
  app: AppModel,
  lanes: number,
  tickSeconds: number,
  demandFactor: Float32Array,
): ServingKernel {
  if (app.serving.kind === 'measured') return createMeasuredKernel(app.serving.curves, lanes);
  return createQueueingKernel(app, lanes, tickSeconds, demandFactor);
}

/** The smallest group size that meets the SLA in steady state; the largest size when none does. */
export type NeededGroupSize = (load: number, capacityFactor: number, second: number) => number;

/** What group sizes can carry in steady state, all members ready and with standard memory. */
export interface GroupDemand {
  readonly needed: NeededGroupSize;
  violates(groupSize: number, load: number, capacityFactor: number, second: number): boolean;
  /** Load within the SLA of group size g at [g − 1], requests/s, at the start of the day. */
  readonly capacities: Float64Array;
}

export function createGroupDemand(app: AppModel): GroupDemand {
  return app.serving.kind === 'measured' ? measuredDemand(app, app.serving.curves) : queueingDemand(app);
}

export function createNeededGroupSize(app: AppModel): NeededGroupSize {
  return createGroupDemand(app).needed;
}

function measuredDemand(app: AppModel, curves: MeasuredServing['curves']): GroupDemand {
  const surface = createMeasuredSurface(curves);
  const service = app.services[0];
  const replicas = (size: number) => memberReplicas(service, size);
  const violates: GroupDemand['violates'] = (size, load, factor) =>
    surface.p95Milliseconds(replicas(size), load / factor) > app.slaP95Milliseconds;
  return {
    violates,
    needed(load, factor, second) {
      let size = app.minGroupSize;
      while (size < app.maxGroupSize && violates(size, load, factor, second)) size++;
      return size;
    },
    capacities: Float64Array.from({ length: app.maxGroupSize }, (_, i) =>
      surface.capacity(replicas(i + 1), app.slaP95Milliseconds),
    ),
  };
}

function queueingDemand(app: AppModel): GroupDemand {
  const capacity = createQueueingCapacity(app);
  return {
    needed: capacity.neededGroupSize,
    violates: (size, load, factor, second) => load / factor > capacity.highestLoad(size, second),
    capacities: Float64Array.from({ length: app.maxGroupSize }, (_, i) =>
      i + 1 < app.minGroupSize ? 0 : capacity.highestLoad(i + 1, 0),
    ),
  };
}
