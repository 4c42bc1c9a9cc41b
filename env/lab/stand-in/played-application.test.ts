import { beforeAll, describe, expect, it } from 'vitest';
import type { AppModel } from '../../apps/app-model.ts';
import { loadApp, shippedApps } from '../../apps/load-app.ts';
import { createSimulator, defaultLaneParameters } from '../../simulator/simulator.ts';
import type { Trace } from '../../workload/trace.ts';
import { interpolatedQuantile } from './latency-histogram.ts';
import { type ApplicationState, createPlayedApplication, type PlayedApplicationOptions } from './played-application.ts';
import type { ApplicationPod } from './pod-counters.ts';

const origin = 1_800_000_000;
const trace: Trace = { name: 'steps', seconds: [0, 60, 180, 300], rps: [200, 400, 100, 100] };

function pod(workload: string, index: number, changes: Partial<ApplicationPod> = {}): ApplicationPod {
  const name = `${workload}-${index}`;
  return {
    uid: name,
    namespace: 'shop',
    name,
    labels: {},
    node: 'node-0',
    workload,
    container: 'server',
    image: 'image',
    restarts: 0,
    ready: true,
    memoryBytes: undefined,
    ...changes,
  };
}

function play(app: AppModel, options: Partial<PlayedApplicationOptions> & { replicas?: number } = {}) {
  const { replicas = 2, ...rest } = options;
  const application = createPlayedApplication({ app, trace, speed: 10, second: origin, ...rest });
  for (const { name } of app.services) for (let i = 0; i < replicas; i++) application.putPod(pod(name, i));
  return application;
}

let frontend: AppModel;
beforeAll(async () => {
  frontend = await loadApp('frontend');
});

describe('played application', () => {
  it.each(shippedApps)('does what the simulator says, tick by tick: %s', async (name) => {
    const app = await loadApp(name);
    const simulator = createSimulator({ app, lanes: 1 });
    const size = 2;
    simulator.resetLane(0, { ...defaultLaneParameters(app), initialGroupSize: size });
    const application = createPlayedApplication({ app, trace, speed: 10, second: origin });
    for (const [service, { name: workload }] of app.services.entries()) {
      for (let i = 0; i < simulator.pods.ready[service]; i++) application.putPod(pod(workload, i));
    }
    application.start(origin);
    for (let tick = 0; tick < 60; tick++) {
      simulator.startTick();
      simulator.load[0] = trace.rps[tick < 12 ? 0 : tick < 36 ? 1 : 2];
      simulator.endTick();
      application.playTo(origin + tick * 0.5 + 0.25);
      const state = application.state();
      expect(state.traceSecond).toBeCloseTo(tick * 5, 3);
      expect(state.load).toBe(simulator.load[0]);
      expect(state.p95Milliseconds).toBe(simulator.truth.p95Milliseconds[0]);
      expect(state.services.map(({ cpuPercent }) => cpuPercent)).toEqual([...simulator.truth.cpuPercent]);
      expect(state.services.map(({ memoryPercent }) => memoryPercent)).toEqual([...simulator.truth.memory]);
    }
  });

  it('counts requests, their latency and CPU time at the rates of the model in real time', () => {
    const application = play(frontend);
    application.start(origin);
    application.playTo(origin + 4.25);
    const [first, second] = [...application.pods.values()];
    const requests = first.durations.reduce((sum, count) => sum + count, 0);
    // 4.25 s at 200 requests/s, shared by two pods.
    expect(requests).toBeCloseTo(425, 6);
    expect(second.durations).toEqual(first.durations);
    const { p95Milliseconds, services } = application.state();
    expect(interpolatedQuantile(0.95, first.durations)).toBeCloseTo(p95Milliseconds, 3);
    // One core requested.
    expect(first.cpuSeconds).toBeCloseTo((4.25 * services[0].cpuPercent) / 100, 6);
  });

  it('comes to the same counters however often it is looked at', () => {
    const [often, once] = [play(frontend), play(frontend)];
    for (const application of [often, once]) application.start(origin);
    for (let i = 1; i <= 300; i++) often.playTo(origin + i * 0.07);
    once.playTo(origin + 21);
    often.playTo(origin + 20);
    for (const uid of ['frontend-0', 'frontend-1']) {
      expect(often.pods.get(uid)?.cpuSeconds).toBeCloseTo(once.pods.get(uid)?.cpuSeconds ?? Number.NaN, 6);
      expect(often.pods.get(uid)?.durations[12]).toBeCloseTo(once.pods.get(uid)?.durations[12] ?? Number.NaN, 6);
    }
  });

  it('begins counters anew for a new pod and a restarted one, and keeps those of a pod that was unready', () => {
    const application = play(frontend);
    application.start(origin);
    application.playTo(origin + 2);
    application.removePod('frontend-0');
    application.putPod(pod('frontend', 7));
    application.putPod(pod('frontend', 1, { ready: false }));
    expect(application.pods.has('frontend-0')).toBe(false);
    const before = application.pods.get('frontend-1')?.cpuSeconds ?? Number.NaN;
    application.playTo(origin + 3);
    const fresh = application.pods.get('frontend-7');
    // Alone from 2 s on; the CPU of the tick that began with two pods is all its own.
    expect(fresh?.durations.reduce((sum, count) => sum + count, 0)).toBeCloseTo(200, 6);
    expect(application.pods.get('frontend-1')?.cpuSeconds).toBe(before);
    application.putPod(pod('frontend', 1));
    application.playTo(origin + 4);
    expect(application.pods.get('frontend-1')?.cpuSeconds).toBeGreaterThan(before);
    application.putPod(pod('frontend', 1, { restarts: 1 }));
    expect(application.pods.get('frontend-1')?.cpuSeconds).toBe(0);
  });

  it('measures usage over windows, of pods that were ready throughout', () => {
    const application = play(frontend, { usageWindowSeconds: 2 });
    application.start(origin);
    application.playTo(origin + 2.5);
    expect(application.pods.get('frontend-0')?.usage).toBeUndefined();
    application.playTo(origin + 4.5);
    const usage = application.pods.get('frontend-0')?.usage;
    expect(usage).toMatchObject({ second: origin + 4, windowSeconds: 2 });
    expect(usage?.cpuCores).toBeCloseTo(application.state().services[0].cpuPercent / 100, 6);
    application.putPod(pod('frontend', 0, { ready: false }));
    application.playTo(origin + 6.5);
    expect(application.pods.get('frontend-0')?.usage).toBeUndefined();
  });

  it('holds the first load until the start, and the last one after the end', () => {
    const application = play(frontend);
    application.playTo(origin + 100);
    expect(application.state()).toMatchObject({ traceSecond: 0, load: 200 });
    application.start(origin + 100);
    application.playTo(origin + 107);
    expect(application.state().load).toBe(400);
    application.playTo(origin + 1000);
    expect(application.state().load).toBe(100);
    expect(application.durationSeconds).toBe(30);
  });

  it('has no backlog at the start from before there were pods, and answers with the timeout when they are gone', async () => {
    const app = await loadApp('teastore');
    const application = createPlayedApplication({ app, trace, speed: 10, second: origin });
    application.playTo(origin + 20);
    for (const { name } of app.services) application.putPod(pod(name, 0));
    application.start(origin + 20);
    application.playTo(origin + 20.5);
    expect(application.state().p95Milliseconds).toBeLessThan(100);
    application.removePod('webui-0');
    application.playTo(origin + 22);
    expect(application.state().p95Milliseconds).toBe(10_000);
  });

  it('slows pods down by a scheduled loss of capacity', () => {
    const [whole, reduced] = [play(frontend), play(frontend, { capacity: [{ second: 10, factor: 0.5 }] })];
    for (const application of [whole, reduced]) {
      application.start(origin);
      application.playTo(origin + 7);
    }
    expect(reduced.state().services[0].requestsPerSecond).toBe(400);
    expect(reduced.state().services[0].cpuPercent).toBeGreaterThan(1.5 * whole.state().services[0].cpuPercent);
  });

  it('draws the same noise for the same seed', () => {
    const loads = (seed: number) => {
      const application = play(frontend, { noise: 0.1, seed });
      application.start(origin);
      return Array.from({ length: 30 }, (_, i) => {
        application.playTo(origin + i / 2);
        return application.state().load;
      });
    };
    expect(loads(1)).toEqual(loads(1));
    expect(loads(1)).not.toEqual(loads(2));
    const mean =
      loads(3)
        .slice(0, 12)
        .reduce((sum, load) => sum + load, 0) / 12;
    expect(Math.abs(mean / 200 - 1)).toBeLessThan(0.15);
  });

  it('takes a pod that was resized in place at its new size', async () => {
    const app = await loadApp('boutique-moving');
    const application = play(app);
    application.start(origin);
    application.playTo(origin + 1);
    const standard = application.state().services[0].memoryPercent;
    for (const { name } of app.services) {
      for (let i = 0; i < 2; i++) application.putPod(pod(name, i, { memoryBytes: 2 ** 30 }));
    }
    application.playTo(origin + 2);
    expect(application.state().services[0].memoryPercent).toBeCloseTo(standard / 2, 3);
    expect(application.pods.get('frontend-0')?.memoryBytes).toBeCloseTo((standard / 200) * 2 ** 30, -3);
  });

  it('tells of every tick of the trace what was, in weather that does not depend on how long it stood by', () => {
    const recorded = (standBySeconds: number) => {
      const ticks: [number, ApplicationState][] = [];
      const onTick = (tick: number, state: ApplicationState) => void ticks.push([tick, state]);
      const application = play(frontend, { noise: 0.1, seed: 3, onTick });
      application.playTo(origin + standBySeconds);
      expect(ticks).toEqual([]);
      application.start(origin + standBySeconds);
      // Asked for more pods in the third tick; one of the two becomes ready in the fifth, and is resized in the seventh.
      application.playTo(origin + standBySeconds + 1.2);
      application.setDesired('frontend', 4);
      application.putPod(pod('frontend', 2, { ready: false, memoryBytes: 2 ** 29 }));
      application.playTo(origin + standBySeconds + 2.2);
      application.putPod(pod('frontend', 2, { memoryBytes: 2 ** 29 }));
      application.playTo(origin + standBySeconds + 3.2);
      application.putPod(pod('frontend', 2, { memoryBytes: 2 ** 30 }));
      application.playTo(origin + standBySeconds + 10);
      return ticks;
    };
    const ticks = recorded(0);
    expect(ticks.map(([tick]) => tick)).toEqual(Array.from({ length: 21 }, (_, tick) => tick));
    const states = ticks.map(([, state]) => state);
    expect(states.map(({ traceSecond }) => Math.round(traceSecond))).toEqual(states.map((_, tick) => 5 * tick));
    expect(states.slice(0, 8).map(({ services }) => services[0].desired)).toEqual([2, 2, 2, 4, 4, 4, 4, 4]);
    expect(states.slice(0, 8).map(({ services }) => services[0].ready)).toEqual([2, 2, 2, 2, 2, 3, 3, 3]);
    expect(states.map(({ resized }) => resized)).toEqual(states.map((_, tick) => tick === 7));
    expect(states[7].memorySize).toBeCloseTo((1 + 1 + 2) / 3);
    const loads = (of: typeof ticks) => of.map(([, { load }]) => load);
    expect(new Set(loads(ticks)).size).toBe(21);
    expect(loads(recorded(7.3))).toEqual(loads(ticks));
  });
});
