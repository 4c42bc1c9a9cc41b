/** Rounds on an API server in memory, with measurements and decisions that the test sets, and a clock of its own. */
import pino from 'pino';
import { Registry } from 'prom-client';
import { type KubernetesApi, resourceTypes } from '../../env/cluster/kubernetes-api.ts';
import type { LoadSample } from '../../env/cluster/live/load-history.ts';
import { createMemoryKubernetes } from '../../env/cluster/memory-kubernetes.fixture.ts';
import type { ObservedSystem, SystemMeasurement } from '../../env/ports.ts';
import type { LoopComparison } from '../../policies/deliberation/comparison.ts';
import type { LoopDecision, LoopView } from '../../policies/deliberation/contract.ts';
import type { LiveDeliberation } from '../../policies/deliberation/deliberation.ts';
import { closedLoopSpecSchema } from '../../policies/resources/closed-loop.ts';
import { type DeliberativeLoop, deliberativeLoopSpecSchema } from '../../policies/resources/deliberative-loop.ts';
import { toTimestamp } from '../../policies/resources/timestamp.ts';
import { createAgentMetrics } from '../agent-metrics.ts';
import { createDeliberationPool } from '../checkpoints/deliberation-pool.ts';
import { createPolicyLoader, type LoadedPolicy } from '../checkpoints/policy-loader.ts';
import type { AgentContext } from '../contract.ts';
import { createStatusWriter } from '../status/status-writer.ts';
import { createMeasure } from './measure.ts';
import { createPolicies } from './policies.ts';
import { createRounds } from './rounds.ts';
import { createWorld } from './world.ts';

export const namespace = 'shop';
/** Too short to be divided into slots, so that all are due at its multiples. */
export const testInterval = 9;

export function measurementOf({ key, workloads }: ObservedSystem): SystemMeasurement {
  const per = (value: number) => new Float64Array(workloads.length).fill(value);
  const count = (value: number) => new Int32Array(workloads.length).fill(value);
  return {
    key,
    load: 40,
    p95Milliseconds: 100,
    requestsPerSecond: per(40),
    cpuPercent: per(50),
    memoryPercent: per(50),
    measuredReady: count(5),
    ready: count(5),
    desired: count(5),
    ageSeconds: 1,
    missing: [],
  };
}

/** Asks for one more than there is, for what was measured. */
export function plusOne(view: LoopView, unixSecond: number): LoopDecision {
  const base = { key: view.key, observation: new Float32Array(), raise: 0, move: 3 };
  const closedLoop = view.key.slice(view.key.indexOf('/') + 1);
  if (view.measurement === undefined) {
    return { ...base, proposal: undefined, abstention: { reason: 'MetricsMissing', message: 'nothing was measured' } };
  }
  const proposal = {
    closedLoop,
    setPoint: view.groupSize + 1,
    time: toTimestamp(unixSecond),
    confidence: 0.5,
    value: -1,
  };
  return { ...base, proposal, abstention: undefined };
}

export interface SceneControls {
  /** Replaced by tests. */
  measure: (systems: readonly ObservedSystem[], signal: AbortSignal) => Promise<SystemMeasurement[]>;
  decide: (view: LoopView, unixSecond: number, policy: LoadedPolicy) => LoopDecision;
  refusal: (policy: LoadedPolicy) => string | undefined;
  past: (systems: readonly ObservedSystem[], fromSecond: number) => Promise<Map<string, LoadSample[]>>;
  comparison: (key: string) => LoopComparison | undefined;
}

export function defaultControls(): SceneControls {
  return {
    measure: async (systems) => systems.map(measurementOf),
    decide: plusOne,
    refusal: () => undefined,
    past: async () => new Map(),
    comparison: () => undefined,
  };
}

export function createScene() {
  const kubernetes = createMemoryKubernetes();
  const { api } = kubernetes.connect();
  const clock = { second: 200_000_000 * testInterval };
  const controls = defaultControls();
  return {
    api,
    clock,
    controls,
    createLoop: (name: string, spec: object = {}) =>
      api.create(resourceTypes.closedLoop, namespace, {
        metadata: { name, labels: { all: 'yes' }, generation: 1 },
        spec: closedLoopSpecSchema.parse({
          targetRef: { name },
          intervalSeconds: 15,
          behavior: { maxReplicas: 20 },
          metrics: [{ name: 'cpu', rank: 1, source: { push: {} }, thresholds: [] }].map((metric) => ({
            ...metric,
            thresholds: [{ kind: 'superior', value: 80, reaction: { horizontal: { by: 1 } } }],
          })),
          ...spec,
        }),
      }),
    createTuner: (name: string, spec: object = {}) =>
      api.create(resourceTypes.deliberativeLoop, namespace, {
        metadata: { name, generation: 1 },
        spec: deliberativeLoopSpecSchema.parse({
          closedLoops: { names: ['web'] },
          policy: { checkpoint: { configMap: { name: 'policy' } } },
          mode: 'Bounded',
          intervalSeconds: testInterval,
          ...spec,
        }),
      }),
    status: async (name = 'tuner') =>
      (await api.get<DeliberativeLoop>(resourceTypes.deliberativeLoop, namespace, name)).status,
    agent(identity: string) {
      const connection = kubernetes.connect();
      return { connection, ...agentOn({ api: connection.api, identity, controls, clock }) };
    },
  };
}

export type Scene = ReturnType<typeof createScene>;

export interface AgentScene {
  readonly api: KubernetesApi;
  readonly identity: string;
  readonly clock: { second: number };
  readonly controls: SceneControls;
  readonly namespaces?: readonly string[];
  /** Instead of one that does as the controls say. */
  readonly deliberationOf?: (policy: LoadedPolicy) => LiveDeliberation;
}

/** An agent without a process: its rounds run when told. */
export function agentOn({ api, identity, clock, controls, ...more }: AgentScene) {
  const registry = new Registry();
  const events: { type: string; reason: string; note: string }[] = [];
  const now = () => clock.second;
  const { signal } = new AbortController();
  const passes: string[][] = [];
  const forgotten: string[] = [];
  const remembered: Record<string, number[]> = {};
  const questionsOfPast: string[][] = [];
  const asTold = (policy: LoadedPolicy): LiveDeliberation => ({
    sha256: policy.sha256,
    observationNames: [],
    services: policy.app.services.map(({ name }) => name),
    intervalSeconds: policy.checkpoint.document.intervalSeconds,
    historySeconds: 60,
    refusal: () => controls.refusal(policy),
    decide(views, { unixSecond }) {
      passes.push(views.map(({ key }) => key));
      return views.map((view) => controls.decide(view, unixSecond, policy));
    },
    forget: (key) => void forgotten.push(key),
    remember(key, loads) {
      remembered[key] = loads.map(({ load }) => load);
    },
    comparison: (key) => controls.comparison(key),
  });
  const context: AgentContext = {
    api,
    events: { record: (_, type, reason, note) => void events.push({ type, reason, note }) },
    logger: pino({ level: 'silent' }),
    metrics: registry,
    now,
    identity,
    namespaces: more.namespaces,
  };
  const rounds = createRounds({
    context,
    world: createWorld(api, more.namespaces),
    policies: createPolicies({
      context,
      timeScale: 1,
      loader: createPolicyLoader({
        api,
        checkpointRoot: undefined,
        url: { hosts: [], timeoutSeconds: 1 },
        recheckSeconds: 5,
        now,
        signal,
      }),
      pool: createDeliberationPool(more.deliberationOf ?? asTold),
      canaryPool: createDeliberationPool(more.deliberationOf ?? asTold),
    }),
    measure: createMeasure({
      preset: 'istio',
      createSource: () => ({
        metrics: { measure: (systems, stop) => controls.measure(systems, stop ?? signal) },
        history: {
          async read(systems, { fromSecond }) {
            questionsOfPast.push(systems.map(({ key }) => key));
            return controls.past(systems, fromSecond);
          },
        },
      }),
    }),
    writer: createStatusWriter(api),
    metrics: createAgentMetrics(registry),
    clock: { timeScale: 1, epochSecond: 0 },
  });
  return {
    events,
    /** Keys of each pass. */
    passes,
    forgotten,
    /** Loads of the past by key, and for which keys they were asked for. */
    remembered,
    questionsOfPast,
    rounds,
    round: () => rounds.round(signal),
    /** A round an interval later. */
    async nextRound() {
      clock.second += testInterval;
      await rounds.round(signal);
    },
    metric: async (name: string) => (await registry.getSingleMetric(name)?.get())?.values ?? [],
  };
}
