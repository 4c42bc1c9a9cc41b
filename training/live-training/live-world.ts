/** The world of live training: a DeliberativeLoop and its closed loops by the API server, measurements by Prometheus. */
import { isNotFound, type KubernetesApi, KubernetesError, resourceTypes } from '../../env/cluster/kubernetes-api.ts';
import { UserError } from '../../env/errors.ts';
import type { MetricsSource, ObservedSystem, SystemMeasurement } from '../../env/ports.ts';
import type { LoopView } from '../../policies/deliberation/contract.ts';
import { type ClosedLoop, type ClosedLoopSpec, closedLoopSpecSchema } from '../../policies/resources/closed-loop.ts';
import {
  type DeliberativeLoop,
  type DeliberativeLoopSpec,
  deliberativeLoopSpecSchema,
  type Proposal,
} from '../../policies/resources/deliberative-loop.ts';
import type { ScalingGroup } from '../../policies/resources/scaling-group.ts';
import type { LiveWorld, Sight } from './contract.ts';

export const fieldManager = 'duoloop-train-live';
/** An agent that has not renewed its claim for so many intervals has given it up. */
const staleAfterIntervals = 3;
/** The operator writes to the same object when it takes in what is proposed. */
const maxAttempts = 5;

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
  readonly createSource: (observation: DeliberativeLoopSpec['observation']) => MetricsSource;
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

  async function readLoop(signal?: AbortSignal) {
    const object = await api.get<DeliberativeLoop>(type, namespace, deliberativeLoop, { signal }).catch((error) => {
      if (!isNotFound(error)) throw error;
      throw new UserError('LIVE_LOOP', `there is no DeliberativeLoop ${deliberativeLoop} in namespace ${namespace}`);
    });
    const spec = deliberativeLoopSpecSchema.parse(object.spec);
    refuseMode(deliberativeLoop, spec);
    refuseForeignClaim(object, spec, identity, now());
    return { object, spec };
  }

  async function readTargets(signal?: AbortSignal) {
    const [loops, groups] = await Promise.all([
      api.list<ClosedLoop>(resourceTypes.closedLoop, { namespace, signal }),
      api.list<ScalingGroup>(resourceTypes.scalingGroup, { namespace, signal }),
    ]);
    return {
      loops: new Map(loops.items.map((loop) => [loop.metadata.name, loop])),
      groups: new Map(groups.items.map((group) => [group.metadata.name, group])),
    };
  }

  const { spec } = await readLoop();
  const first = await readTargets();
  const names = selectedNames(spec.closedLoops, first.loops, deliberativeLoop);
  for (const name of names) {
    const message = options.refusal(closedLoopSpecSchema.parse(first.loops.get(name)?.spec));
    if (message !== undefined) throw new UserError('LIVE_METRICS', `ClosedLoop ${namespace}/${name}: ${message}`);
  }
  const source = options.createSource(spec.observation);
  const keyOf = (name: string) => `${namespace}/${name}`;

  return {
    keys: names.map(keyOf),
    async look(signal): Promise<Sight> {
      const [{ spec: latest }, targets] = await Promise.all([readLoop(signal), readTargets(signal)]);
      const read = names.map((name) => {
        const object = targets.loops.get(name);
        const parsed = closedLoopSpecSchema.safeParse(object?.spec);
        if (object === undefined || !parsed.success) return undefined;
        const group =
          parsed.data.targetRef.kind === 'ScalingGroup' ? targets.groups.get(parsed.data.targetRef.name) : undefined;
        return { key: keyOf(name), object, spec: parsed.data, group };
      });
      const known = read.filter((loop) => loop !== undefined);
      const systems = known.map((loop) =>
        systemOf(loop, namespace, options.services, latest.observation.services ?? {}),
      );
      const measurements = await source.measure(systems, signal).catch((error: Error) => {
        signal.throwIfAborted();
        log(`nothing was measured: ${error.message}`);
        return [];
      });
      const byKey = new Map(measurements.map((measurement) => [measurement.key, measurement]));
      return {
        guardrails: latest.guardrails,
        views: read.map((loop) => loop && viewOf(loop, byKey.get(loop.key))),
      };
    },
    async propose(proposals, signal) {
      for (let attempt = 1; ; attempt++) {
        const { object } = await readLoop(signal);
        const { resourceVersion } = object.metadata;
        const renewTime = new Date(now() * 1000).toISOString();
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

interface ReadLoop {
  readonly key: string;
  readonly object: ClosedLoop;
  readonly spec: ClosedLoopSpec;
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

function refuseForeignClaim(
  { metadata, status }: DeliberativeLoop,
  { intervalSeconds }: DeliberativeLoopSpec,
  identity: string,
  unixSecond: number,
): void {
  const claim = status?.agent;
  if (claim === undefined || claim.identity === identity) return;
  const ageSeconds = unixSecond - Date.parse(claim.renewTime) / 1000;
  if (ageSeconds >= staleAfterIntervals * intervalSeconds) return;
  throw new UserError(
    'LIVE_AGENT',
    `DeliberativeLoop ${metadata.name} is served by ${claim.identity}, last seen ${Math.round(ageSeconds)} s ago; stop that agent, or let it watch other namespaces, while this trains`,
  );
}

function selectedNames(
  { names, matchLabels = {} }: DeliberativeLoopSpec['closedLoops'],
  loops: ReadonlyMap<string, ClosedLoop>,
  deliberativeLoop: string,
): string[] {
  const wanted = Object.entries(matchLabels);
  const selected = [...loops.values()]
    .filter(({ metadata: { name, labels } }) =>
      names ? names.includes(name) : wanted.every(([key, value]) => labels?.[key] === value),
    )
    .map(({ metadata }) => metadata.name)
    .sort();
  const absent = names?.filter((name) => !loops.has(name)) ?? [];
  if (selected.length > 0 && absent.length === 0) return selected;
  const what = absent.length > 0 ? `ClosedLoop ${absent.join(', ')}, which is not there` : 'no ClosedLoop';
  throw new UserError(
    'LIVE_LOOP',
    `DeliberativeLoop ${deliberativeLoop} selects ${what}: make it, or change spec.closedLoops`,
  );
}

/** As the agent does: services are workloads of the same name unless mapped; a single one is what the loop scales. */
function systemOf(
  { key, spec, group }: ReadLoop,
  namespace: string,
  services: readonly string[],
  workloadOfService: Readonly<Record<string, string>>,
): ObservedSystem {
  const members = group?.spec.members ?? [];
  const target = spec.targetRef.kind === 'ScalingGroup' ? members[0]?.targetRef.name : spec.targetRef.name;
  const only = services.length === 1 ? target : undefined;
  return { key, namespace, workloads: services.map((service) => workloadOfService[service] ?? only ?? service) };
}

function viewOf({ key, object, spec, group }: ReadLoop, measurement: SystemMeasurement | undefined): LoopView {
  const desired = measurement?.desired[0] ?? -1;
  const groupSize =
    spec.targetRef.kind === 'ScalingGroup'
      ? (group?.spec.replicas ?? Number.NaN)
      : (object.status?.replicas ?? (desired >= 0 ? desired : Number.NaN));
  return { key, spec, status: object.status, groupSize, measurement };
}
