/** The port of whatever turns load and ready pods into latency, CPU and memory, one tick of all lanes at a time. */

/** Written by a tick, read by the simulator. Shapes as in env/ports.ts. */
export interface ServingOutput {
  /** End-to-end p95 latency of the requests that arrived in the tick, milliseconds. Per lane. */
  readonly p95Milliseconds: Float32Array;
  /** Requests/s arriving at each service. Per service. */
  readonly requestsPerSecond: Float32Array;
  /** CPU of a pod as percent of its request. Per service. */
  readonly cpuPercent: Float32Array;
  /** Memory of a pod in the app model's unit. Per service. */
  readonly memory: Float32Array;
}

export interface ServingKernel {
  /**
   * Computes one tick of all lanes; allocates nothing.
   *
   * @param second of the trace, per lane
   * @param load offered requests/s, per lane
   * @param capacity factor that load is divided by for latency, CPU and memory, per lane
   * @param ready ready pods, per service
   * @param memorySize of a pod relative to the standard pod, per lane
   */
  tick(
    second: Float64Array,
    load: Float32Array,
    capacity: Float32Array,
    ready: Int32Array,
    memorySize: Float32Array,
    out: ServingOutput,
  ): void;
  /** Empties the queues of a lane whose episode starts anew. */
  resetLane(lane: number): void;
}
