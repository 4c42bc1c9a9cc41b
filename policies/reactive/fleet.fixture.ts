/** A fleet whose measurements a test sets by hand. */
import { type AppModel, appModelSchema } from '../../env/apps/app-model.ts';
import type { FleetActions, FleetMetrics } from '../../env/ports.ts';

export interface TestFleet {
  readonly metrics: FleetMetrics;
  readonly actions: FleetActions;
  /** Makes what was asked for what is in force, as the simulator does at once for desired replicas. */
  apply(): void;
}

export function createTestFleet(lanes: number, services: number, replicas = 1): TestFleet {
  const perService = services * lanes;
  const metrics: FleetMetrics = {
    lanes,
    services,
    second: new Float64Array(lanes),
    load: new Float32Array(lanes),
    p95Milliseconds: new Float32Array(lanes),
    requestsPerSecond: new Float32Array(perService),
    cpuPercent: new Float32Array(perService),
    memory: new Float32Array(perService),
    measuredReady: new Int32Array(perService).fill(replicas),
    ready: new Int32Array(perService).fill(replicas),
    desired: new Int32Array(perService).fill(replicas),
    memorySize: new Float32Array(lanes).fill(1),
  };
  const actions: FleetActions = { replicas: metrics.desired.slice(), memorySize: metrics.memorySize.slice() };
  return {
    metrics,
    actions,
    apply() {
      metrics.desired.set(actions.replicas);
      metrics.memorySize.set(actions.memorySize);
    },
  };
}

/** A small call graph; `ratios` makes as many services. */
export function testApp(ratios: readonly number[], maxReplicas = 100): AppModel {
  return appModelSchema.parse({
    version: 1,
    name: 'test',
    description: 'for tests',
    source: 'made up',
    slaP95Milliseconds: 5,
    nominalLoad: 100,
    coldStartSeconds: 30,
    metricLagSeconds: 30,
    metricAveragingSeconds: 0,
    maxGroupSize: 20,
    services: ratios.map((ratio, i) => ({ name: `service-${i}`, ratio, maxReplicas })),
    serving: { kind: 'queueing', demands: ratios.map(() => ({ cpuMilliseconds: 5 })), calls: [] },
  });
}
