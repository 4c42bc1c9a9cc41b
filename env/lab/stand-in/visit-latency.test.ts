import { describe, expect, it } from 'vitest';
import type { AppModel } from '../../apps/app-model.ts';
import { loadApp } from '../../apps/load-app.ts';
import { createQueueingKernel, visitsPerRequest } from '../../simulator/queueing.ts';
import { createVisitLatency } from './visit-latency.ts';

const inputOf = (load: number, ready: number[]) => ({
  second: new Float64Array(1),
  load: Float32Array.of(load),
  capacity: Float32Array.of(1),
  ready: Int32Array.from(ready),
  memorySize: Float32Array.of(1),
});

/** TeaStore from `root` on alone, under the load that reaches it there, with as many pods as are busy with that load. */
const alone = (app: AppModel, root: number): AppModel => ({
  ...app,
  services: app.services.slice(root),
  serving:
    app.serving.kind === 'queueing'
      ? {
          ...app.serving,
          demands: app.serving.demands.slice(root),
          calls: app.serving.calls
            .filter(({ from }) => from >= root)
            .map((call) => ({ ...call, from: call.from - root, to: call.to - root })),
        }
      : app.serving,
});

describe('latency of a visit', () => {
  it('is that of the part of the graph below a service, when nobody else calls into it', async () => {
    const app = await loadApp('teastore');
    const persistence = app.services.findIndex(({ name }) => name === 'persistence');
    const ready = app.services.map(() => 4);
    const latency = createVisitLatency(app, 5);
    const p95 = latency.tick(inputOf(600, ready), 40);

    const part = alone(app, persistence);
    const kernel = createQueueingKernel(part, 1, 5);
    const out = {
      p95Milliseconds: new Float32Array(1),
      requestsPerSecond: new Float32Array(part.services.length),
      cpuPercent: new Float32Array(part.services.length),
      memory: new Float32Array(part.services.length),
    };
    const visits = visitsPerRequest(app)[persistence];
    const { second, load, capacity, ready: pods, memorySize } = inputOf(600 * visits, ready.slice(persistence));
    kernel.tick(second, load, capacity, pods, memorySize, out);
    // db and persistence have no other callers than those above them, so their shares are whole.
    expect(p95[persistence]).toBeCloseTo(out.p95Milliseconds[0], 4);
    expect(p95[0]).toBe(40);
  });

  it('sees the load that others bring to a shared service', async () => {
    const app = await loadApp('teastore');
    const [auth, persistence] = ['auth', 'persistence'].map((wanted) =>
      app.services.findIndex(({ name }) => name === wanted),
    );
    const latencyWith = (persistencePods: number) => {
      const ready = app.services.map((_, service) => (service === persistence ? persistencePods : 6));
      return createVisitLatency(app, 5).tick(inputOf(600, ready), 40)[auth];
    };
    // auth makes a fourteenth of persistence's visits and alone would never notice; three pods are 90 % busy with all of them.
    const visits = visitsPerRequest(app);
    expect((600 * visits[persistence] * 0.001) / 2).toBeGreaterThan(0.8);
    expect(latencyWith(2)).toBeGreaterThan(1.2 * latencyWith(8));
  });
});
