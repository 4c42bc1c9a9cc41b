/**
 * An application model played in real time by the pods that are really ready. The simulator's kernel says, tick by tick,
 * what the application does under the trace's load; its requests and CPU time are shared out among the pods that are
 * ready at that moment.
 *
 * The trace, and with it the mix of the day and scheduled changes of capacity, runs at `speed` times real time: a kernel
 * tick of 5 s takes 5 ÷ speed. Rates are those of the model: 300 requests/s in the trace is a counter that grows by 300
 * a real second, so that every query and threshold means what it means in life, and only windows and periods have to
 * be shortened by the speed.
 *
 * Nothing runs by itself: `playTo` brings everything up to a moment, before pods change and before counters are read.
 */
import type { AppModel } from '../../apps/app-model.ts';
import { createDraw, mixSeed } from '../../random.ts';
import { type CapacityChange, capacityPerTick } from '../../simulator/capacity.ts';
import { createServingKernel } from '../../simulator/create-kernel.ts';
import type { ServingOutput } from '../../simulator/serving-kernel.ts';
import { defaultTickSeconds } from '../../simulator/simulator.ts';
import { loadPerTick, type Trace } from '../../workload/trace.ts';
import { podResources } from './application-manifests.ts';
import { createLatencyDistribution, distributeLatency } from './latency-histogram.ts';
import { type ApplicationPod, PodCounters } from './pod-counters.ts';
import { createVisitLatency } from './visit-latency.ts';

export interface PlayedApplicationOptions {
  readonly app: AppModel;
  readonly trace: Trace;
  /** Seconds of the trace per real second. */
  readonly speed: number;
  readonly capacity?: readonly CapacityChange[];
  /** Standard deviation of a tick's load, CPU and p95 relative to their values. */
  readonly noise?: number;
  readonly seed?: number;
  /** What the metrics API reports usage over, real seconds. Default: metrics-server's 15 s ÷ speed, at least 1 s. */
  readonly usageWindowSeconds?: number;
  /** Unix seconds: the moment from which it is played, under the trace's first load until `start`. */
  readonly second: number;
  /** Told of what every tick of the trace was, from 0 on; the last load's ticks go on after the trace's end. */
  readonly onTick?: (tick: number, state: ApplicationState) => void;
}

/** What the application did in the last tick. */
export interface ApplicationState {
  /** Second of the trace; 0 before the start. */
  readonly traceSecond: number;
  /** Offered at the entry, requests/s. */
  readonly load: number;
  /** End to end. */
  readonly p95Milliseconds: number;
  /** Mean memory of the ready pods relative to what their service's pods start with. */
  readonly memorySize: number;
  /** Whether a pod was resized since the tick before. */
  readonly resized: boolean;
  /**
   * In the model's order: p95 of a visit, requests/s of all pods, percent of a pod's CPU request and of its memory; pods
   * ready, and replicas asked for (what the workload says; of one that nobody told of, its pods).
   */
  readonly services: readonly {
    readonly name: string;
    readonly p95Milliseconds: number;
    readonly requestsPerSecond: number;
    readonly cpuPercent: number;
    readonly memoryPercent: number;
    readonly ready: number;
    readonly desired: number;
  }[];
}

export interface PlayedApplication {
  readonly app: AppModel;
  /** Real seconds that the trace takes. */
  readonly durationSeconds: number;
  /** Lets the trace begin at that moment (Unix seconds). */
  start(second: number): void;
  /** Goes forward to a moment, Unix seconds; one that is past already changes nothing. */
  playTo(second: number): void;
  /** A pod has appeared or changed, at the moment last played to. One of no service of the application is ignored. */
  putPod(pod: ApplicationPod): void;
  removePod(uid: string): void;
  /** A workload asks for that many replicas, at the moment last played to. */
  setDesired(workload: string, replicas: number): void;
  readonly pods: ReadonlyMap<string, PodCounters>;
  state(): ApplicationState;
}

/** metrics-server's resolution, as much faster as the trace: real seconds. */
export function usageWindowSecondsAt(speed: number): number {
  // The HPA compares windows with the times of pods, which the API keeps in whole seconds.
  return Math.max(1, 15 / speed);
}

export function createPlayedApplication(options: PlayedApplicationOptions): PlayedApplication {
  const { app, trace, speed, noise = 0, seed = 0, onTick } = options;
  const usageWindowSeconds = options.usageWindowSeconds ?? usageWindowSecondsAt(speed);
  const tickSeconds = defaultTickSeconds / speed;
  const loads = loadPerTick(trace, defaultTickSeconds);
  const capacities = capacityPerTick(options.capacity ?? [], loads.length, defaultTickSeconds);
  const services = app.services.length;
  const resources = app.services.map((_, service) => podResources(app, service));
  const kernel = createServingKernel(app, 1, defaultTickSeconds, Float32Array.of(1));
  const visitLatency = createVisitLatency(app, defaultTickSeconds);
  let draw = createDraw(mixSeed(seed));
  const noisy = (value: number) => (noise > 0 ? value * Math.max(0, 1 + noise * draw.normal()) : value);

  const input = {
    second: new Float64Array(1),
    load: new Float32Array(1),
    capacity: Float32Array.of(1),
    ready: new Int32Array(services),
    memorySize: Float32Array.of(1),
  };
  const out: ServingOutput = {
    p95Milliseconds: new Float32Array(1),
    requestsPerSecond: new Float32Array(services),
    cpuPercent: new Float32Array(services),
    memory: new Float32Array(services),
  };
  const latencies = app.services.map(createLatencyDistribution);
  const p95PerService = new Float64Array(services);
  /** Of all pods of a service together in the tick under way. */
  const requestsPerSecond = new Float64Array(services);
  const cpuCores = new Float64Array(services);
  /** Ready pods at this moment, which may have changed since the tick began. */
  const ready = new Int32Array(services);
  /** As the workloads say; −1 of those not heard of. */
  const desired = new Int32Array(services).fill(-1);
  const pods = new Map<string, PodCounters>();

  let resizedSinceTick = false;
  let playedTo = options.second;
  let startSecond = Number.POSITIVE_INFINITY;
  // Counted from an anchor: steps added up would drift, a Unix time having but 0.2 µs of resolution.
  let anchorSecond = options.second;
  let ticksBegun = 0;
  let nextTick = anchorSecond;
  let nextWindow = options.second + usageWindowSeconds;

  function beginTick(second: number): void {
    const traceSecond = Math.max(0, (second - startSecond) * speed);
    const tick = Math.min(loads.length - 1, Math.floor(traceSecond / defaultTickSeconds + 1e-3));
    const settingUp = second < startSecond && ready.some((count) => count === 0);
    // Callers that come before there is anything to call would leave a backlog behind for the trace to begin with.
    if (settingUp) kernel.resetLane(0);
    input.second[0] = traceSecond;
    input.load[0] = settingUp ? 0 : noisy(loads[tick]);
    input.capacity[0] = capacities[tick];
    input.ready.set(ready);
    input.memorySize[0] = meanMemorySize();
    kernel.tick(input.second, input.load, input.capacity, input.ready, input.memorySize, out);
    p95PerService.set(visitLatency.tick(input, out.p95Milliseconds[0]));
    for (let service = 0; service < services; service++) {
      distributeLatency(Math.max(noisy(p95PerService[service]), 1e-3), latencies[service]);
      requestsPerSecond[service] = out.requestsPerSecond[service];
      const busyPods = (noisy(out.cpuPercent[service]) / 100) * input.ready[service];
      cpuCores[service] = busyPods * resources[service].cpuCores;
    }
    if (second >= startSecond) onTick?.(Math.floor(traceSecond / defaultTickSeconds + 1e-3), state());
    resizedSinceTick = false;
  }

  function state(): ApplicationState {
    return {
      traceSecond: input.second[0],
      load: input.load[0],
      p95Milliseconds: out.p95Milliseconds[0],
      memorySize: input.memorySize[0],
      resized: resizedSinceTick,
      services: app.services.map(({ name }, service) => ({
        name,
        p95Milliseconds: p95PerService[service],
        requestsPerSecond: out.requestsPerSecond[service],
        cpuPercent: out.cpuPercent[service],
        memoryPercent: out.memory[service],
        ready: ready[service],
        desired: desired[service] === -1 ? podsOf(service) : desired[service],
      })),
    };
  }

  function podsOf(service: number): number {
    let count = 0;
    for (const counters of pods.values()) if (counters.service === service) count++;
    return count;
  }

  /** The model knows one size of all its pods; pods resized in place are taken at their mean. */
  function meanMemorySize(): number {
    let total = 0;
    let count = 0;
    for (const { pod, service } of pods.values()) {
      if (!pod.ready) continue;
      total += (pod.memoryBytes ?? resources[service].memoryBytes) / resources[service].memoryBytes;
      count++;
    }
    return count > 0 ? total / count : 1;
  }

  function workUntil(second: number): void {
    const seconds = second - playedTo;
    playedTo = second;
    for (const counters of pods.values()) {
      const { pod, service } = counters;
      if (!pod.ready) continue;
      const share = 1 / ready[service];
      counters.work(seconds, cpuCores[service] * share, requestsPerSecond[service] * share, latencies[service]);
      counters.memoryBytes = (out.memory[service] / 100) * (pod.memoryBytes ?? resources[service].memoryBytes);
    }
  }

  function countReady(): void {
    ready.fill(0);
    for (const { pod, service } of pods.values()) if (pod.ready) ready[service]++;
  }

  function playTo(second: number): void {
    while (nextTick <= second || nextWindow <= second) {
      workUntil(Math.min(nextTick, nextWindow));
      if (nextWindow <= nextTick) {
        for (const counters of pods.values()) counters.measure(nextWindow, usageWindowSeconds);
        nextWindow += usageWindowSeconds;
      } else {
        beginTick(nextTick);
        ticksBegun++;
        nextTick = anchorSecond + ticksBegun * tickSeconds;
      }
    }
    if (second > playedTo) workUntil(second);
  }

  return {
    app,
    durationSeconds: trace.seconds[trace.seconds.length - 1] / speed,
    pods,
    playTo,
    start(second) {
      playTo(second);
      startSecond = second;
      anchorSecond = second;
      ticksBegun = 0;
      nextTick = second;
      // However long it stood by, the trace meets the same noise: applications side by side are in the same weather.
      draw = createDraw(mixSeed(seed));
    },
    putPod(pod) {
      const service = app.services.findIndex(({ name }) => name === pod.workload);
      if (service === -1) return;
      const known = pods.get(pod.uid);
      if (known !== undefined && known.pod.memoryBytes !== pod.memoryBytes) resizedSinceTick = true;
      if (known !== undefined && known.pod.restarts === pod.restarts) known.pod = pod;
      else pods.set(pod.uid, new PodCounters(pod, service));
      countReady();
    },
    removePod(uid) {
      pods.delete(uid);
      countReady();
    },
    setDesired(workload, replicas) {
      const service = app.services.findIndex(({ name }) => name === workload);
      if (service !== -1) desired[service] = replicas;
    },
    state,
  };
}
