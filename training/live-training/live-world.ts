/** The world of live training: a DeliberativeLoop and its closed loops by the API server, measurements by Prometheus. */
import { isNotFound, type KubernetesApi, KubernetesError, resourceTypes } from '../../env/cluster/kubernetes-api.ts';
import type { LoadHistory } from '../../env/cluster/live/load-history.ts';
import { UserError } from '../../env/errors.ts';
import type { MetricsSource } from '../../env/ports.ts';
import { type SeenClaim, seeClaim, standingOf } from '../../policies/deliberation/claim.ts';
import {
  groupNameOf,
  loopView,
  type ObservedLoop,
  observedSystem,
} from '../../policies/deliberation/observed-system.ts';
import { selectClosedLoops } from '../../policies/deliberation/selection.ts';
import { type ClosedLoop, type ClosedLoopSpec, closedLoopSpecSchema } from '../../policies/resources/closed-loop.ts';
import {
  type DeliberativeLoop,
  type DeliberativeLoopSpec,
  deliberativeLoopSpecSchema,
  type Proposal,
} from '../../policies/resources/deliberative-loop.ts';
import type { ScalingGroup } from '../../policies/resources/scaling-group.ts';
import { fromTimestamp, toTimestamp } from '../../policies/resources/timestamp.ts';
import type { LiveWorld, Sight } from './contract.ts';

export const fieldManager = 'duoloop-train-live';
/** The operator writes to the same object when it takes in what is proposed. */
const maxAttempts = 5;

/** What the queries of a DeliberativeLoop tell. */
export interface LiveSource {
  readonly metrics: MetricsSource;
  readonly history: LoadHistory;
}

export interface LiveWorldOptions {
  readonly api: KubernetesApi;
  readonly namespace: string;
  readonly deliberativeLoop: string;
  /** Of this process, in status.agent. */
  readonly identity: string;
  readonly policy: { readonly name: string; readonly sha256: string };
  /** Of the app model, entry first. */
  readonly services: readonly string[];
  /** Undefined, or why a closed loop cannot be trained on with this policy. */
  readonly refusal: (spec: ClosedLoopSpec) => string | undefined;
  readonly createSource: (observation: DeliberativeLoopSpec['observation']) => LiveSource;
  /** Unix seconds. */
  readonly now: () => number;
  readonly log: (line: string) => void;
}

/**
 * Finds the closed loops and checks that they may be trained on; claims nothing yet.
 * @throws UserError `LIVE_LOOP`, `LIVE_MODE`, `LIVE_AGENT`, `LIVE_METRICS`
 */
export async function openLiveWorld(options: LiveWorldOptions): Promise<LiveWorld> {
  const { api, namespace, deliberativeLoop, identity, now, log } = options;
  const type = resourceTypes.deliberativeLoop;

  let seen: SeenClaim | undefined;
  function refuseForeignClaim({ metadata, status }: DeliberativeLoop, { intervalSeconds }: DeliberativeLoopSpec): void {
    seen = seeClaim(seen, status?.agent, now());
    if (seen === undefined || standingOf(seen, identity, intervalSeconds, now()) !== 'foreign') return;
    const ageSeconds = now() - fromTimestamp(seen.claim.renewTime);
    throw new UserError(
      'LIVE_AGENT',
      `DeliberativeLoop ${metadata.name} is served by ${seen.claim.identity}, last seen ${Math.round(ageSeconds)} s ago; stop that agent, or let it watch other namespaces, while this trains`,
    );
  }

  async function readLoop(signal?: AbortSignal) {
    const object = await api.get<DeliberativeLoop>(type, namespace, deliberativeLoop, { signal }).catch((error) => {
      if (!isNotFound(error)) throw error;
      throw new UserError('LIVE_LOOP', `there is no DeliberativeLoop ${deliberativeLoop} in namespace ${namespace}`);
    });
    const spec = deliberativeLoopSpecSchema.parse(object.spec);
    refuseMode(deliberativeLoop, spec);
    refuseForeignClaim(object, spec);
    return { object, spec };
  }

  async function readTargets(signal?: AbortSignal): Promise<Targets> {
    const [loops, groups] = await Promise.all([
      api.list<ClosedLoop>(resourceTypes.closedLoop, { namespace, signal }),
      api.list<ScalingGroup>(resourceTypes.scalingGroup, { namespace, signal }),
    ]);
    return {
      loops: new Map(loops.items.map((loop) => [loop.metadata.name, loop])),
      groups: new Map(groups.items.map((group) => [group.metadata.name, group])),
    };
  }

  const { object: deliberative, spec } = await readLoop();
  const first = await readTargets();
  const names = selectedNames(deliberative, spec, [...first.loops.values()]);
  for (const name of names) {
    const message = options.refusal(closedLoopSpecSchema.parse(first.loops.get(name)?.spec));
    if (message !== undefined) throw new UserError('LIVE_METRICS', `ClosedLoop ${namespace}/${name}: ${message}`);
  }
  const source = options.createSource(spec.observation);
  const keyOf = (name: string) => `${namespace}/${name}`;

  /** In the order of the names; undefined for one that is gone or cannot be read. */
  function readAll({ loops, groups }: Targets): (ReadLoop | undefined)[] {
    return names.map((name) => {
      const object = loops.get(name);
      const parsed = closedLoopSpecSchema.safeParse(object?.spec);
      if (object === undefined || !parsed.success) return undefined;
      return { key: keyOf(name), object, spec: parsed.data, group: groups.get(groupNameOf(parsed.data) ?? '') };
    });
  }

  function systemsOf(loops: readonly (ReadLoop | undefined)[], { observation }: DeliberativeLoopSpec) {
    return loops
      .filter((loop) => loop !== undefined)
      .map((loop) => observedSystem(loop, loop.group, options.services, observation.services ?? {}));
  }

  return {
    keys: names.map(keyOf),
    async look(signal): Promise<Sight> {
      const [{ spec: latest }, targets] = await Promise.all([readLoop(signal), readTargets(signal)]);
      const read = readAll(targets);
      const measurements = await source.metrics.measure(systemsOf(read, latest), signal).catch((error: Error) => {
        signal.throwIfAborted();
        log(`nothing was measured: ${error.message}`);
        return [];
      });
      const byKey = new Map(measurements.map((measurement) => [measurement.key, measurement]));
      return {
        guardrails: latest.guardrails,
        views: read.map((loop) => loop && loopView(loop, loop.group, byKey.get(loop.key))),
      };
    },
    past: (request, signal) => source.history.read(systemsOf(readAll(first), spec), request, signal),
    async propose(proposals, signal) {
      for (let attempt = 1; ; attempt++) {
        const { object } = await readLoop(signal);
        const { resourceVersion } = object.metadata;
        const renewTime = toTimestamp(now());
        const status = { proposals, policy: options.policy, agent: { identity, renewTime } };
        try {
          await writeStatus(options, status, resourceVersion, signal);
          return;
        } catch (error) {
          const isConflict = error instanceof KubernetesError && error.status === 409;
          if (!isConflict || attempt === maxAttempts) throw error;
        }
      }
    },
    async release() {
      // Of what it applied before, server-side apply removes what is not named any more.
      await writeStatus(options, {}, undefined, undefined).catch((error: Error) =>
        log(`not released: ${error.message}`),
      );
    },
  };
}

interface Targets {
  readonly loops: ReadonlyMap<string, ClosedLoop>;
  readonly groups: ReadonlyMap<string, ScalingGroup>;
}

interface ReadLoop extends ObservedLoop {
  readonly group: ScalingGroup | undefined;
}

async function writeStatus(
  { api, namespace, deliberativeLoop }: LiveWorldOptions,
  status: { readonly proposals?: readonly Proposal[] },
  resourceVersion: string | undefined,
  signal: AbortSignal | undefined,
): Promise<void> {
  const { apiVersion, kind } = resourceTypes.deliberativeLoop;
  const metadata = { name: deliberativeLoop, namespace, ...(resourceVersion && { resourceVersion }) };
  const object = { apiVersion, kind, metadata, status };
  await api.apply(resourceTypes.deliberativeLoop, object, { fieldManager, subresource: 'status', signal });
}

function refuseMode(name: string, { mode }: DeliberativeLoopSpec): void {
  if (mode === 'Bounded') return;
  throw new UserError(
    'LIVE_MODE',
    `DeliberativeLoop ${name} is in mode ${mode}; live training tries things out, which needs effect and guardrails: set mode Bounded`,
  );
}

/** Those that its selector takes in. */
function selectedNames(
  { metadata }: DeliberativeLoop,
  spec: DeliberativeLoopSpec,
  closedLoops: readonly ClosedLoop[],
): readonly string[] {
  const { closedLoops: selected, absent } = selectClosedLoops({ metadata, spec }, [], closedLoops);
  if (selected.length > 0 && absent.length === 0) return selected;
  const what = absent.length > 0 ? `ClosedLoop ${absent.join(', ')}, which is not there` : 'no ClosedLoop';
  throw new UserError(
    'LIVE_LOOP',
    `DeliberativeLoop ${metadata.name} selects ${what}: make it, or change spec.closedLoops`,
  );
}
