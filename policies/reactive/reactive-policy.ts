/** Policy `reactive`: the reactive loop alone, with fixed ranks. */
import type { AppModel } from '../../env/apps/app-model.ts';
import type { Policy } from '../policy.ts';
import { createReactiveLoop } from './batched-loop.ts';
import { defaultLoopSpec } from './default-specs.ts';
import type { LoopSpec } from './loop-spec.ts';

export const reactive: Policy = reactivePolicy({
  name: 'reactive',
  description: 'The reactive loop alone: thresholds on p95, CPU and memory with fixed ranks',
});

export interface ReactivePolicyOptions {
  readonly name: string;
  readonly description: string;
  /** Default: `defaultLoopSpec`. */
  readonly specFor?: (app: AppModel) => LoopSpec;
}

export function reactivePolicy({ name, description, specFor = defaultLoopSpec }: ReactivePolicyOptions): Policy {
  return {
    name,
    description,
    createController: ({ app, lanes, tickSeconds }) =>
      createReactiveLoop({ spec: wholeTicks(specFor(app), tickSeconds), app, lanes }),
  };
}

/** The interval rounded up to whole ticks of the simulator. */
export function wholeTicks(spec: LoopSpec, tickSeconds: number): LoopSpec {
  return { ...spec, intervalSeconds: Math.ceil(spec.intervalSeconds / tickSeconds) * tickSeconds };
}
