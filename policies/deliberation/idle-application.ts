/** What an app model says of an application that nobody asks anything. */
import type { AppModel } from '../../env/apps/app-model.ts';
import { createServingKernel } from '../../env/simulator/create-kernel.ts';
import { defaultTickSeconds } from '../../env/simulator/simulator.ts';

/** p95 of an application without traffic, milliseconds: what the simulator shows where a live system shows none. */
export function idleP95(app: AppModel): number {
  const services = app.services.length;
  const out = {
    p95Milliseconds: new Float32Array(1),
    requestsPerSecond: new Float32Array(services),
    cpuPercent: new Float32Array(services),
    memory: new Float32Array(services),
  };
  const kernel = createServingKernel(app, 1, defaultTickSeconds, Float32Array.of(1));
  const ready = Int32Array.from(app.services, ({ minReplicas }) => minReplicas);
  kernel.resetLane(0);
  kernel.tick(Float64Array.of(0), Float32Array.of(0), Float32Array.of(1), ready, Float32Array.of(1), out);
  return out.p95Milliseconds[0];
}
