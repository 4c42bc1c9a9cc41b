/** The PromQL by which a live application is measured, for all its workloads (of many namespaces) at once. */

/** Whose metric and label names the queries are for. `custom`: all queries are given. */
export const metricPresets = ['istio', 'nginx-ingress', 'opentelemetry', 'online-boutique', 'custom'] as const;
export type MetricPreset = (typeof metricPresets)[number];

/**
 * Every query yields a series per workload with the labels `namespace` and `workload`; `$window` in it stands for the rate
 * window. `$namespaces` and `$workloads` may stand in a label matcher, as `namespace=~"$namespaces"`, so that no more is read
 * than is asked about. What no series tells is missing, never zero.
 */
export interface MetricQueries {
  /** Requests/s that arrive at the workload. */
  readonly requestsPerSecond: string;
  /** p95 of the requests that the workload answers, milliseconds. */
  readonly p95Milliseconds: string;
  /** CPU of a pod on average, percent of its request. */
  readonly cpuPercent: string;
  /** Working set of a pod on average, percent of its limit. */
  readonly memoryPercent: string;
  /** Pods that the newest of the two above is of: ready, and seen by now. Some may be too new to be part of the averages. */
  readonly measuredPods: string;
  /** Pods ready and pods wanted, by kube-state-metrics. */
  readonly readyPods: string;
  readonly desiredPods: string;
}
export type MetricName = keyof MetricQueries;

/** With what tells their age, where that is known. */
export interface LiveQueries extends MetricQueries {
  /**
   * Unix time of the oldest source's newest sample, per workload. The values themselves do not say: an instant query gives
   * every value the time of asking, and a gauge lives on for 5 minutes after its source.
   */
  readonly sampleSecond?: string;
}
