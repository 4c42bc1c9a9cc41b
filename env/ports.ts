/**
 * The ports between a world (simulator or cluster) and what decides in it.
 *
 * Arrays are batched: a *lane* is one application instance under one trace. Per-service arrays have
 * `services * lanes` entries, indexed `service * lanes + lane`; per-lane arrays have `lanes` entries.
 */

/** What a controller may see: lagged and averaged measurements, and the replica counts of this moment. */
export interface FleetMetrics {
  readonly lanes: number;
  readonly services: number;
  /** Seconds since the episode of each lane began (lanes may start at different moments). */
  readonly second: Float64Array;
  /** Offered load at the application's entry, requests/s; NaN when missing. Per lane. */
  readonly load: Float32Array;
  /** End-to-end p95 latency in milliseconds; NaN when missing. Per lane. */
  readonly p95Milliseconds: Float32Array;
  /** Requests/s arriving at each service; NaN when missing. Per service. */
  readonly requestsPerSecond: Float32Array;
  /** CPU of a measured pod as percent of its request, averaged over the pods; NaN when missing. Per service. */
  readonly cpuPercent: Float32Array;
  /** Memory of a measured pod, in the app model's unit (percent of limit for graph models); NaN when missing. Per service. */
  readonly memory: Float32Array;
  /** Ready pods at the moment the measurements are of. Per service. */
  readonly measuredReady: Int32Array;
  /** Ready pods now. Per service. */
  readonly ready: Int32Array;
  /** Desired replicas now: ready and pending pods. Per service. */
  readonly desired: Int32Array;
  /** Memory size of a pod relative to the app model's standard pod (vertical reactions), now. Per lane. */
  readonly memorySize: Float32Array;
}

/** Where a controller writes what it wants; prefilled with what is in force, so writing nothing changes nothing. */
export interface FleetActions {
  /** Wanted replicas. Per service. */
  readonly replicas: Int32Array;
  /** Wanted memory size relative to the standard pod. Per lane. */
  readonly memorySize: Float32Array;
}

/** Anything that scales a fleet: a simulated HPA, the reactive loop, the two loops together, an oracle. */
export interface FleetController {
  /** Seconds between two calls of `decide`; a multiple of the simulator's tick. */
  readonly intervalSeconds: number;
  /** Forgets everything about a lane whose episode starts anew. */
  resetLane(lane: number): void;
  /** Reads `metrics` and writes into `actions`. Allocates nothing. */
  decide(metrics: FleetMetrics, actions: FleetActions): void;
}

/** The state of a batched reactive loop that observation and agent read. Per-metric arrays are indexed `metric * lanes + lane`. */
export interface ReactiveLoopState {
  readonly lanes: number;
  readonly metricNames: readonly string[];
  /** 1 is first. Per metric. */
  readonly ranks: Int32Array;
  /** Measured value over its superior (else its inferior) threshold; NaN when missing. Per metric. */
  readonly overThreshold: Float32Array;
  /** +1 above a superior threshold, −1 below an inferior one, 2 for equal, 0 for none. Per metric. */
  readonly breaches: Int8Array;
  /** Second of the last reaction to the metric, −Infinity when never. Per metric. */
  readonly lastReactionSecond: Float64Array;
  /** How many of the lane's last 10 reactions were to the metric. Per metric. */
  readonly recentReactions: Int32Array;
  /** Size of the group that the loop scales (for a single workload: its replicas). Per lane. */
  readonly groupSize: Int32Array;
  readonly minGroupSize: number;
  readonly maxGroupSize: number;
}

/** The reactive loop as the simulator and the deliberative loop know it. */
export interface ReactiveLoop extends FleetController {
  readonly state: ReactiveLoopState;
  /** Proposes a group size: applied once as a target, a floor while fresh, nothing once stale. */
  proposeSetPoint(lane: number, groupSize: number, second: number): void;
  /** Moves the metric one rank up (the one above it moves down); refused (false) when guardrails forbid it. */
  raiseRank(lane: number, metric: number, second: number): boolean;
}

/** An application somewhere, as a metrics source is asked for it. */
export interface ObservedSystem {
  /** The caller's name for it, such as `namespace/name` of its closed loop. */
  readonly key: string;
  readonly namespace: string;
  /** In the order of the app model's services; requests enter at the first. */
  readonly workloads: readonly string[];
}

/** What is known of a system at one moment. Per-service arrays are in the order of its workloads; NaN (−1 for counts) is missing. */
export interface SystemMeasurement {
  readonly key: string;
  /** Offered load and p95 at the entry. */
  readonly load: number;
  readonly p95Milliseconds: number;
  readonly requestsPerSecond: Float64Array;
  readonly cpuPercent: Float64Array;
  /** Percent of the limit. */
  readonly memoryPercent: Float64Array;
  readonly measuredReady: Int32Array;
  readonly ready: Int32Array;
  readonly desired: Int32Array;
  /** Age of the oldest sample that is in it, seconds; NaN when there is none. */
  readonly ageSeconds: number;
  /** One line per measurement that is missing: which query returned nothing for which workload, and which preset would. */
  readonly missing: readonly string[];
}

/** Where the measurements of live applications come from. */
export interface MetricsSource {
  /**
   * Measures all systems at this moment, with as many queries for one as for a thousand; in the order asked. What cannot be
   * measured is missing in the answer.
   * @throws PrometheusError when nothing at all can be asked (unreachable, unauthorised, timeout)
   */
  measure(systems: readonly ObservedSystem[], signal?: AbortSignal): Promise<SystemMeasurement[]>;
}
