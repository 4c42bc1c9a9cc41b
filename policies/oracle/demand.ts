/** What the oracle must know of an application: which group size serves which load. */

/** Given from outside, so that the oracle judges by the same latencies as the simulator it is measured in. */
export interface OracleDemand {
  /**
   * The smallest group size that meets the SLA under that load, and the largest size when none does.
   * @param load offered load, requests/s
   * @param capacityFactor what a pod can serve relative to the app model
   * @param second seconds since the episode began
   */
  needed(load: number, capacityFactor: number, second: number): number;
  /** Whether that many complete ready sets break the SLA. */
  violates(groupSize: number, load: number, capacityFactor: number, second: number): boolean;
}

/** The future of one lane, tick by tick. */
export interface Foresight {
  readonly loads: Float32Array;
  readonly capacity: Float32Array;
  readonly tickSeconds: number;
}

export interface DemandPerTick {
  /** Group size needed in each tick. */
  readonly needed: Int32Array;
  /** 0 where even the largest group breaks the SLA: it is still wanted there, but the tick is lost. */
  readonly servable: Uint8Array;
}

export function demandPerTick(demand: OracleDemand, { loads, capacity, tickSeconds }: Foresight): DemandPerTick {
  const needed = new Int32Array(loads.length);
  const servable = new Uint8Array(loads.length);
  for (let tick = 0; tick < loads.length; tick++) {
    const second = tick * tickSeconds;
    needed[tick] = demand.needed(loads[tick], capacity[tick], second);
    servable[tick] = demand.violates(needed[tick], loads[tick], capacity[tick], second) ? 0 : 1;
  }
  return { needed, servable };
}
