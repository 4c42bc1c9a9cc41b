/**
 * The baseline of the simulator benchmark: one application of one measured service as ordinary objects, the way a
 * simulator is written when nothing is batched. Same surface, same rules for pods and metric lag; no noise or faults.
 */
import type { AppModel, MeasuredCurve } from '../env/apps/app-model.ts';
import { createMeasuredSurface, noPodP95Milliseconds } from '../env/simulator/measured-surface.ts';
import { defaultTickSeconds } from '../env/simulator/simulator.ts';

export interface TickRecord {
  second: number;
  load: number;
  ready: number;
  desired: number;
  p95Milliseconds: number;
  cpuPercent: number;
  memory: number;
}

export interface ObjectSimulation {
  /** The newest record that monitoring shows. */
  observe(): TickRecord;
  scaleTo(wanted: number): void;
  /** Serves one tick under `load` requests/s. */
  tick(load: number): TickRecord;
}

export function createObjectSimulation(
  app: AppModel,
  curves: readonly MeasuredCurve[],
  initialReplicas: number,
): ObjectSimulation {
  const surface = createMeasuredSurface(curves);
  const { minReplicas, maxReplicas } = app.services[0];
  const lagTicks = Math.max(1, Math.ceil(app.metricLagSeconds / defaultTickSeconds));
  let pods = Array.from({ length: initialReplicas }, () => ({ readySecond: 0 }));
  let history: TickRecord[] = [];
  let second = 0;

  return {
    observe() {
      const lagged = history[Math.max(0, history.length - lagTicks)];
      const none = { second, load: Number.NaN, ready: 0, p95Milliseconds: Number.NaN, cpuPercent: 0, memory: 0 };
      return { ...(lagged ?? none), desired: pods.length };
    },
    scaleTo(wanted) {
      const target = Math.min(maxReplicas, Math.max(minReplicas, wanted));
      // The youngest leave first; pods are in order of age.
      pods = pods.slice(0, target);
      while (pods.length < target) pods.push({ readySecond: second + app.coldStartSeconds });
    },
    tick(load) {
      const ready = pods.filter((pod) => pod.readySecond <= second).length;
      const record: TickRecord = {
        second,
        load,
        ready,
        desired: pods.length,
        p95Milliseconds: ready === 0 ? noPodP95Milliseconds : surface.p95Milliseconds(ready, load),
        cpuPercent: ready === 0 ? 0 : surface.cpuPercent(ready, load),
        memory: ready === 0 ? 0 : surface.memory(ready, load),
      };
      history = [...history.slice(-lagTicks), record];
      second += defaultTickSeconds;
      return record;
    },
  };
}
