/** Hand-made fleets for the tests of controllers. */
import { type AppModel, appModelSchema } from '../../env/apps/app-model.ts';
import type { FleetActions, FleetController, FleetMetrics } from '../../env/ports.ts';

export interface FleetFixture {
  metrics: FleetMetrics;
  actions: FleetActions;
  /** One decision at that second; returns a copy of the wanted replicas, which are then in force and ready. */
  decide(controller: FleetController, second: number): number[];
}

/** A fleet in which every pod is ready and measured, with no load. */
export function createFleet(services: number, lanes: number, replicas: number): FleetFixture {
  const size = services * lanes;
  const metrics = {
    lanes,
    services,
    second: new Float64Array(lanes),
    load: new Float32Array(lanes),
    p95Milliseconds: new Float32Array(lanes),
    requestsPerSecond: new Float32Array(size),
    cpuPercent: new Float32Array(size),
    memory: new Float32Array(size),
    measuredReady: new Int32Array(size).fill(replicas),
    ready: new Int32Array(size).fill(replicas),
    desired: new Int32Array(size).fill(replicas),
    memorySize: new Float32Array(lanes).fill(1),
  };
  const actions = { replicas: new Int32Array(size), memorySize: new Float32Array(lanes).fill(1) };
  return {
    metrics,
    actions,
    decide(controller, second) {
      metrics.second.fill(second);
      actions.replicas.set(metrics.desired);
      controller.decide(metrics, actions);
      for (const counts of [metrics.desired, metrics.ready, metrics.measuredReady]) counts.set(actions.replicas);
      return [...actions.replicas];
    },
  };
}

/** A service of 100 requests/s per pod at full CPU, and one behind it of 50 that every request visits twice. */
export function twoServiceApp(overrides: Partial<AppModel> = {}): AppModel {
  const app = appModelSchema.parse({
    version: 1,
    name: 'two-services',
    description: 'a front and a back',
    source: 'made by hand',
    slaP95Milliseconds: 100,
    nominalLoad: 100,
    coldStartSeconds: 30,
    metricLagSeconds: 15,
    metricAveragingSeconds: 0,
    maxGroupSize: 10,
    services: [
      { name: 'front', maxReplicas: 10 },
      { name: 'back', maxReplicas: 25, ratio: 2.5 },
    ],
    serving: {
      kind: 'queueing',
      demands: [{ cpuMilliseconds: 10 }, { cpuMilliseconds: 20 }],
      calls: [{ from: 0, to: 1, perVisit: 2 }],
    },
  });
  return { ...app, ...overrides };
}

/** One service measured at 1 and 2 replicas: a pod meets the SLA of 5 ms up to 100 requests/s. */
export function measuredApp(): AppModel {
  const curve = (replicas: number) => ({
    replicas,
    load: [50 * replicas, 90 * replicas, 110 * replicas],
    p95Milliseconds: [4, 4, 6],
    cpuPercent: [40, 72, 88],
    memory: [1, 1, 1],
  });
  return appModelSchema.parse({
    version: 1,
    name: 'measured',
    description: 'two curves',
    source: 'made by hand',
    slaP95Milliseconds: 5,
    nominalLoad: 100,
    coldStartSeconds: 30,
    metricLagSeconds: 15,
    metricAveragingSeconds: 0,
    maxGroupSize: 2,
    services: [{ name: 'only', maxReplicas: 2 }],
    serving: { kind: 'measured', curves: [curve(1), curve(2)] },
  });
}
