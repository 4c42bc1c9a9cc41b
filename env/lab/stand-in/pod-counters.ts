/** What a pod of the played application has done so far: the counters behind its metrics. */
import type { LatencyDistribution } from './latency-histogram.ts';
import { bucketBoundsMilliseconds } from './latency-histogram.ts';

/** A pod as the stand-in needs to know it. */
export interface ApplicationPod {
  readonly uid: string;
  readonly namespace: string;
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly node: string;
  /** Name of the workload that it belongs to, which is that of a service of the application. */
  readonly workload: string;
  readonly container: string;
  readonly image: string;
  /** Of its container; its counters begin anew when it rises. */
  readonly restarts: number;
  readonly ready: boolean;
  /** Of its container at present (limit, else request); undefined when it sets none. */
  readonly memoryBytes: number | undefined;
}

/** Usage over a window, as metrics-server reports it. */
export interface PodUsage {
  readonly cpuCores: number;
  readonly memoryBytes: number;
  /** End of the window, Unix seconds. */
  readonly second: number;
  readonly windowSeconds: number;
}

export class PodCounters {
  readonly service: number;
  #pod: ApplicationPod;
  #everReady: boolean;
  cpuSeconds = 0;
  memoryBytes = 0;
  /** Requests by duration, not cumulative; the last bucket is +Inf. */
  readonly durations = new Float64Array(bucketBoundsMilliseconds.length + 1);
  durationSumMilliseconds = 0;
  /** Absent until the pod has been measured at both ends of a window. */
  usage: PodUsage | undefined;
  #cpuSecondsAtWindowStart: number | undefined;

  constructor(pod: ApplicationPod, service: number) {
    this.#pod = pod;
    this.#everReady = pod.ready;
    this.service = service;
  }

  get pod(): ApplicationPod {
    return this.#pod;
  }

  set pod(pod: ApplicationPod) {
    this.#pod = pod;
    this.#everReady ||= pod.ready;
  }

  /** Whether there has been anything to measure. */
  get everReady(): boolean {
    return this.#everReady;
  }

  work(seconds: number, cpuCores: number, requestsPerSecond: number, latency: LatencyDistribution): void {
    this.cpuSeconds += cpuCores * seconds;
    const requests = requestsPerSecond * seconds;
    if (!(requests > 0)) return;
    // Expectations and not draws: the format allows fractions, and quantiles stay right where requests are few.
    for (let bucket = 0; bucket < this.durations.length; bucket++) {
      this.durations[bucket] += requests * latency.shares[bucket];
    }
    this.durationSumMilliseconds += requests * latency.meanMilliseconds;
  }

  /** Ends a window and begins the next. A pod that is not ready is not measured. */
  measure(second: number, windowSeconds: number): void {
    const before = this.#cpuSecondsAtWindowStart;
    this.#cpuSecondsAtWindowStart = this.pod.ready ? this.cpuSeconds : undefined;
    if (!this.pod.ready || before === undefined) {
      this.usage = undefined;
      return;
    }
    const cpuCores = (this.cpuSeconds - before) / windowSeconds;
    this.usage = { cpuCores, memoryBytes: this.memoryBytes, second, windowSeconds };
  }
}
