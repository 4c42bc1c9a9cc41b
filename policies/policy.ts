/** The contract of everything that can be named by `--policy`. */
import type { AppModel } from '../env/apps/app-model.ts';
import type { FleetController } from '../env/ports.ts';

/** What a policy is told before it starts on a batch of lanes. */
export interface PolicyContext {
  readonly app: AppModel;
  readonly lanes: number;
  readonly tickSeconds: number;
  readonly coldStartSeconds: number;
  readonly metricLagSeconds: number;
  readonly seed: number;
  /**
   * The future, for policies with `needsForesight` only: per lane the offered load of each tick,
   * and the capacity factor of each tick.
   */
  readonly foresight?: { readonly loads: readonly Float32Array[]; readonly capacity: readonly Float32Array[] };
}

export interface Policy {
  /** As given by `--policy`. */
  readonly name: string;
  readonly description: string;
  readonly needsForesight?: boolean;
  /** Makes a controller for a batch; it keeps its state per lane. */
  createController(context: PolicyContext): FleetController | Promise<FleetController>;
}
