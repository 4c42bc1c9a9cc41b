/** The objects that make a contestant scale its namespace of the lab. Pure. */
import type { AppModel } from '../../env/apps/app-model.ts';
import type { resourceTypes } from '../../env/cluster/kubernetes-api.ts';
import { closedLoopQueries } from '../../env/cluster/live/closed-loop-queries.ts';
import type { LoopSpec } from '../../policies/reactive/loop-spec.ts';
import {
  type DeliberationForApp,
  loopsForApp,
  manifestsOf,
  wholeSeconds,
} from '../../policies/resources/loops-for-app.ts';
import { checkpointConfigMap } from '../export/config-map.ts';
import type { Contestant } from './contestants.ts';
import { hpaObjects } from './hpa-objects.ts';

const configMapName = 'checkpoint';

export interface ContestantObjectsOptions {
  readonly app: AppModel;
  readonly contestants: readonly Contestant[];
  readonly speed: number;
  /** Real seconds. */
  readonly rateWindowSeconds: number;
  readonly groupSize: number;
}

export interface LabObject {
  readonly type: keyof typeof resourceTypes;
  readonly object: object;
}

/** In an order in which they can be applied. @throws UserError of what the app model's loop or targets have wrong */
export function contestantObjects(options: ContestantObjectsOptions): LabObject[] {
  return options.contestants.flatMap((contestant) => objectsOf(contestant, options));
}

function objectsOf({ namespace, scaler }: Contestant, options: ContestantObjectsOptions): LabObject[] {
  const { app, speed } = options;
  switch (scaler.kind) {
    case 'hpa':
      return hpaObjects(app, scaler.options, namespace, speed).map((object) => ({
        type: 'horizontalPodAutoscaler',
        object,
      }));
    case 'reactive':
      return loopObjects(namespace, scaler.loop, options);
    case 'two-loop': {
      const { document } = scaler.checkpoint;
      return [
        { type: 'configMap', object: checkpointConfigMap(scaler.checkpoint, { namespace, name: configMapName }) },
        ...loopObjects(namespace, document.loop, options, {
          checkpoint: { configMap: { name: configMapName }, sha256: document.weights.sha256 },
          intervalSeconds: document.intervalSeconds,
          observation: { preset: 'istio' },
        }),
      ];
    }
  }
}

function loopObjects(
  namespace: string,
  loop: LoopSpec,
  { app, speed, rateWindowSeconds, groupSize }: ContestantObjectsOptions,
  deliberation?: DeliberationForApp,
): LabObject[] {
  const workloads = app.services.map(({ name }) => name);
  const queries = { ...closedLoopQueries('istio', { workloads, rateWindowSeconds }) };
  const loops = loopsForApp({ app, loop, namespace, queries, groupSize, deliberation, timeScale: speed });
  const types = {
    ScalingGroup: 'scalingGroup',
    ClosedLoop: 'closedLoop',
    DeliberativeLoop: 'deliberativeLoop',
  } as const;
  return manifestsOf(loops).map((object) => ({ type: types[(object as { kind: keyof typeof types }).kind], object }));
}

/** Real seconds between two ticks of the contestant's loops; 1 for an HPA, whose moments nobody sets. */
export function closedLoopIntervalSeconds({ scaler }: Contestant, speed: number): number {
  switch (scaler.kind) {
    case 'hpa':
      return 1;
    case 'reactive':
      return wholeSeconds(scaler.loop.intervalSeconds, speed);
    case 'two-loop':
      return wholeSeconds(scaler.checkpoint.document.intervalSeconds, speed);
  }
}
