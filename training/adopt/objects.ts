/** The objects by which an application is adopted: as they are applied, or printed. Pure. */
import type { AppModel } from '../../env/apps/app-model.ts';
import { type ResourceType, resourceTypes } from '../../env/cluster/kubernetes-api.ts';
import { closedLoopQueries } from '../../env/cluster/live/closed-loop-queries.ts';
import type { MetricPreset } from '../../env/cluster/live/metric-queries.ts';
import { appliesProposals } from '../../policies/deliberation/selection.ts';
import type { LoopSpec } from '../../policies/reactive/loop-spec.ts';
import type { DeliberativeLoopSpec } from '../../policies/resources/deliberative-loop.ts';
import { loopsForApp } from '../../policies/resources/loops-for-app.ts';
import type { WorkloadKind } from './survey.ts';

export type Mode = DeliberativeLoopSpec['mode'];

/** What of a policy the loops depend on. */
export interface LoopsOfPolicy {
  readonly loop: LoopSpec;
  /** Of the application's clock. */
  readonly intervalSeconds: number;
}

export interface AdoptedApp {
  readonly app: AppModel;
  /** Of the objects. */
  readonly name: string;
  readonly namespace: string;
  readonly configMapName: string;
  readonly preset: Exclude<MetricPreset, 'custom'>;
  readonly rateWindowSeconds: number;
  readonly timeScale: number;
  readonly kinds: ReadonlyMap<string, WorkloadKind>;
}

export interface ObjectToApply {
  readonly type: ResourceType;
  readonly object: { readonly kind: string; readonly metadata: { readonly name: string; readonly namespace?: string } };
}

/**
 * In the order in which they are made. Where proposals are not applied, group and closed loop are paused: they watch, whoever
 * scales the application.
 * @throws UserError of what the app model's loop has wrong
 */
export function loopObjects(adopted: AdoptedApp, policy: LoopsOfPolicy, mode: Mode): ObjectToApply[] {
  const { app, name, namespace, configMapName, preset, rateWindowSeconds, timeScale, kinds } = adopted;
  const workloads = app.services.map((service) => service.name);
  const { scalingGroup, closedLoop, deliberativeLoop } = loopsForApp({
    app: { ...app, name },
    loop: policy.loop,
    namespace,
    queries: { ...closedLoopQueries(preset, { workloads, rateWindowSeconds }) },
    paused: !appliesProposals(mode),
    kindOf: (service) => kinds.get(service) ?? 'Deployment',
    timeScale,
    deliberation: {
      checkpoint: { configMap: { name: configMapName } },
      intervalSeconds: policy.intervalSeconds,
      mode,
      observation: { preset },
    },
  });
  return [
    ...(scalingGroup ? [{ type: resourceTypes.scalingGroup, object: withoutSize(scalingGroup) }] : []),
    { type: resourceTypes.closedLoop, object: closedLoop },
    ...(deliberativeLoop ? [{ type: resourceTypes.deliberativeLoop, object: deliberativeLoop }] : []),
  ];
}

/** A group's size is never ours to say: paused it follows its members, and then goes on from there. */
function withoutSize<T extends { readonly spec: { readonly replicas: number } }>({ spec, ...object }: T) {
  const { replicas: _, ...rest } = spec;
  return { ...object, spec: rest };
}
