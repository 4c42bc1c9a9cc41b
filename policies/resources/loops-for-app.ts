/**
 * What has to be in a namespace for an application of a model to be scaled by Duoloop: a ScalingGroup where it has several
 * services, a ClosedLoop, and, for two loops, a DeliberativeLoop. Pure: values in, objects out.
 */
import type { AppModel } from '../../env/apps/app-model.ts';
import { UserError } from '../../env/errors.ts';
import type { LoopSpec, RateLimit } from '../reactive/loop-spec.ts';
import { type ClosedLoop, type ClosedLoopSpec, closedLoopDefinition } from './closed-loop.ts';
import { type DeliberativeLoop, type DeliberativeLoopSpec, deliberativeLoopDefinition } from './deliberative-loop.ts';
import type { ResourceDefinition, TargetRef } from './resource.ts';
import { type ScalingGroup, scalingGroupDefinition } from './scaling-group.ts';

const apiVersion = 'duoloop.dev/v1alpha1';

export interface DeliberationForApp {
  readonly checkpoint: NonNullable<DeliberativeLoopSpec['policy']['checkpoint']>;
  /** As trained. */
  readonly intervalSeconds: number;
  /** Default: Bounded. */
  readonly mode?: DeliberativeLoopSpec['mode'];
  readonly observation?: Partial<DeliberativeLoopSpec['observation']>;
}

export interface LoopsForAppOptions {
  readonly app: AppModel;
  /** As it was trained over, or the default one: in seconds of life. */
  readonly loop: LoopSpec;
  readonly namespace: string;
  /** PromQL by name of the loop's metrics. */
  readonly queries: Readonly<Record<string, string>>;
  /** Size of the group at first, of several services. Default: the app model's smallest. */
  readonly groupSize?: number;
  /** Group and closed loop only watch: nothing of theirs scales, whoever else does. Default: as the loop is. */
  readonly paused?: boolean;
  /** Of each service's workload. Default: Deployment. */
  readonly kindOf?: (service: string) => 'Deployment' | 'StatefulSet';
  /** Without it, the reactive loop alone. */
  readonly deliberation?: DeliberationForApp;
  /** Seconds of the application per second of the cluster's clock; above 1 only where a lab plays it faster. Default 1. */
  readonly timeScale?: number;
}

export interface LoopsForApp {
  readonly scalingGroup: ScalingGroup | undefined;
  readonly closedLoop: ClosedLoop;
  readonly deliberativeLoop: DeliberativeLoop | undefined;
}

/**
 * All are named as the app model is.
 * @throws UserError `loops.query` when a metric of the loop has no query
 */
export function loopsForApp(options: LoopsForAppOptions): LoopsForApp {
  const { app, namespace, queries, deliberation, timeScale = 1, kindOf = () => 'Deployment' } = options;
  const shortened = shortenedLoop(options.loop, timeScale);
  const loop = { ...shortened, paused: options.paused ?? shortened.paused };
  const grouped = app.services.length > 1;
  const workloadOf = (name: string) => ({ apiVersion: 'apps/v1', kind: kindOf(name), name });
  const targetRef = grouped
    ? { apiVersion, kind: scalingGroupDefinition.kind, name: app.name }
    : workloadOf(app.services[0].name);
  const closedLoop: ClosedLoopSpec = {
    targetRef,
    intervalSeconds: loop.intervalSeconds,
    metrics: loop.metrics.map((metric) => ({ ...metric, source: { prometheus: { query: queryFor(metric.name) } } })),
    behavior: loop.behavior,
    decision: {},
    onMissingMetrics: loop.onMissingMetrics,
    whileRollingOut: loop.whileRollingOut,
    paused: loop.paused,
    topology: 'Inline',
  };

  function queryFor(metric: string): string {
    const query = queries[metric];
    if (query !== undefined) return query;
    throw new UserError(
      'loops.query',
      `The loop of ${app.name} reacts to ${metric}, for which there is no query (there are ${Object.keys(queries).join(', ')}). Take the metric out of the loop, or give a query for it.`,
    );
  }

  function object<Spec>({ kind }: ResourceDefinition, spec: Spec) {
    const labels = { 'app.kubernetes.io/part-of': app.name };
    return { apiVersion, kind, metadata: { name: app.name, namespace, labels }, spec };
  }

  return {
    scalingGroup: grouped
      ? object(scalingGroupDefinition, groupSpec(app, loop, workloadOf, options.groupSize))
      : undefined,
    closedLoop: object(closedLoopDefinition, closedLoop),
    deliberativeLoop:
      deliberation && object(deliberativeLoopDefinition, deliberationSpec(app, loop, deliberation, timeScale)),
  };
}

/** Those that there are, in the order in which they have to be made. */
export function manifestsOf({ scalingGroup, closedLoop, deliberativeLoop }: LoopsForApp): object[] {
  return [scalingGroup, closedLoop, deliberativeLoop].filter((object) => object !== undefined);
}

function groupSpec(
  app: AppModel,
  loop: LoopSpec,
  workloadOf: (service: string) => TargetRef,
  groupSize = app.minGroupSize,
): ScalingGroup['spec'] {
  return {
    replicas: groupSize,
    minReplicas: loop.behavior.minReplicas,
    maxReplicas: loop.behavior.maxReplicas,
    members: app.services.map(({ name, ratio, minReplicas, maxReplicas }) => ({
      targetRef: workloadOf(name),
      ratio,
      min: minReplicas,
      max: maxReplicas,
    })),
    // Ten cold starts: a group that is still incomplete by then does not just start slowly.
    paused: loop.paused,
    strategy: { partial: 'Keep', timeoutSeconds: Math.min(3600, Math.max(60, Math.ceil(10 * app.coldStartSeconds))) },
  };
}

function deliberationSpec(
  app: AppModel,
  loop: LoopSpec,
  { checkpoint, intervalSeconds, mode = 'Bounded', observation = {} }: DeliberationForApp,
  timeScale: number,
): DeliberativeLoopSpec {
  return {
    closedLoops: { names: [app.name] },
    policy: { checkpoint },
    observation: { queries: {}, ...observation },
    mode,
    intervalSeconds: wholeSeconds(intervalSeconds, timeScale),
    guardrails: loop.guardrails,
  };
}

/** Seconds of the application in whole seconds of the cluster's clock, rounded up; at least 1. */
export function wholeSeconds(seconds: number, timeScale: number): number {
  // The slack keeps 0.3 × 10 ÷ 1 at 3.
  return Math.max(1, Math.ceil(seconds / timeScale - 1e-9));
}

/** The loop with its periods and windows as the resources can hold them where time runs `timeScale` times as fast. */
export function shortenedLoop(loop: LoopSpec, timeScale: number): LoopSpec {
  return withSeconds(loop, (seconds) => (seconds === 0 ? 0 : wholeSeconds(seconds, timeScale)), timeScale);
}

/** The loop that `shortenedLoop` is in the application's own seconds: what it was, but for the rounding. */
export function roundedLoop(loop: LoopSpec, timeScale: number): LoopSpec {
  return withSeconds(shortenedLoop(loop, timeScale), (seconds) => seconds * timeScale, 1 / timeScale);
}

function withSeconds(loop: LoopSpec, change: (seconds: number) => number, timeScale: number): LoopSpec {
  const rateLimit = (limit: RateLimit | undefined) =>
    limit && { rateLimit: { ...limit, periodSeconds: change(limit.periodSeconds) } };
  const { behavior, guardrails } = loop;
  const { scaleUp, scaleDown } = behavior;
  return {
    ...loop,
    intervalSeconds: change(loop.intervalSeconds),
    behavior: {
      ...behavior,
      scaleUp: {
        stabilizationWindowSeconds: change(scaleUp.stabilizationWindowSeconds),
        ...rateLimit(scaleUp.rateLimit),
      },
      scaleDown: {
        stabilizationWindowSeconds: change(scaleDown.stabilizationWindowSeconds),
        ...rateLimit(scaleDown.rateLimit),
      },
    },
    guardrails: {
      ...guardrails,
      rankChangesPerHour: Math.min(3600, Math.round(guardrails.rankChangesPerHour * timeScale)),
      staleAfterSeconds: change(guardrails.staleAfterSeconds),
    },
  };
}
