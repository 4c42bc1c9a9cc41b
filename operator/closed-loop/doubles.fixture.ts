/** In-memory stand-ins for what the controller is given, for tests that need no API server. */
import pino from 'pino';
import { Registry } from 'prom-client';
import { type KubernetesApi, KubernetesError } from '../../env/cluster/kubernetes-api.ts';
import type { ClosedLoop, ClosedLoopStatus } from '../../policies/resources/closed-loop.ts';
import type { StoredObject, TargetRef } from '../../policies/resources/resource.ts';
import type { ChangeKind, OperatorContext, Reconcile, ResourceCache, WorkQueue } from '../runtime/contract.ts';
import type { Owner, Workload, Workloads } from '../workloads/contract.ts';
import type { MetricAnswer, MetricReader, MetricRequest } from './contract.ts';
import type { Timers } from './tick-scheduler.ts';

export const namespace = 'shop';

export function createMemoryCache<T extends StoredObject>() {
  const objects = new Map<string, T>();
  const listeners: ((kind: ChangeKind, object: T, previous: T | undefined) => void)[] = [];
  const keyOf = ({ metadata }: StoredObject) => `${metadata.namespace}/${metadata.name}`;
  return {
    run: async () => {},
    synced: async () => {},
    get: (inNamespace: string, name: string) => objects.get(`${inNamespace}/${name}`),
    list: () => [...objects.values()],
    onChange: (listener: (typeof listeners)[number]) => void listeners.push(listener),
    put(object: T) {
      const previous = objects.get(keyOf(object));
      objects.set(keyOf(object), object);
      for (const listener of listeners) listener(previous ? 'updated' : 'added', object, previous);
    },
    remove(name: string) {
      const object = objects.get(`${namespace}/${name}`);
      objects.delete(`${namespace}/${name}`);
      if (object) for (const listener of listeners) listener('deleted', object, undefined);
    },
  } satisfies ResourceCache<T> & Record<string, unknown>;
}

/** Workloads of one namespace, with resource versions as the API server keeps them. */
export function createMemoryWorkloads() {
  const all = new Map<string, Workload>();
  const owners = new Map<string, Owner>();
  let version = 1;
  const put = (name: string, change: Partial<Workload>) => {
    const before = all.get(name);
    const ref: TargetRef = { apiVersion: 'apps/v1', kind: 'Deployment', name };
    const fresh: Workload = {
      ref,
      namespace,
      uid: `uid-${name}`,
      resourceVersion: '',
      replicas: 1,
      ready: 1,
      rollingOut: false,
      podSelector: `app=${name}`,
      labels: {},
      failure: undefined,
      requests: { cpu: undefined, memory: undefined },
    };
    all.set(name, { ...fresh, ...before, ...change, resourceVersion: String(version++) });
  };
  const scaled: { name: string; from: number; to: number }[] = [];
  const hooks: { beforeScale?: (name: string) => void | Promise<void> } = {};
  const workloads: Workloads = {
    read: async (_, { name }) => all.get(name),
    select: () => [],
    ownerOf: (_, { name }) => owners.get(name),
    async scale(seen, replicas, { stillWanted }) {
      const { name } = seen.ref;
      await hooks.beforeScale?.(name);
      const current = all.get(name);
      if (current === undefined) throw new KubernetesError(404, 'NotFound', 'gone');
      if (current.resourceVersion !== seen.resourceVersion && !stillWanted?.(current.replicas)) return false;
      scaled.push({ name, from: current.replicas, to: replicas });
      put(name, { replicas, ready: replicas });
      return true;
    },
  };
  return {
    workloads,
    put,
    scaled,
    owners,
    hooks,
    get: (name: string) => all.get(name),
    remove: (name: string) => all.delete(name),
  };
}

/** Answers by metric name, changed by the test; counts what was asked. */
export function createMemoryReader() {
  const answers = new Map<string, MetricAnswer>();
  const asked: MetricRequest[][] = [];
  const hooks: { beforeAnswer?: () => void | Promise<void> } = {};
  const reader: MetricReader = {
    async read(requests) {
      asked.push([...requests]);
      await hooks.beforeAnswer?.();
      return requests.map(({ metric }) => answers.get(metric) ?? { missing: 'no data' });
    },
  };
  return { reader, asked, hooks, set: (metric: string, answer: MetricAnswer) => void answers.set(metric, answer) };
}

/** Time that moves when told. */
export function createManualTimers(start: number) {
  let now = start;
  let waiting: { at: number; callback: () => void }[] = [];
  const timers: Timers = {
    now: () => now,
    after(milliseconds, callback) {
      const timer = { at: now + milliseconds / 1000, callback };
      waiting.push(timer);
      return () => {
        waiting = waiting.filter((other) => other !== timer);
      };
    },
  };
  return {
    timers,
    /** Moves on and fires what came due, at the end: as a process does that was held up until then. */
    jumpTo(second: number) {
      now = second;
      const due = waiting.filter(({ at }) => at <= now + 1e-9);
      waiting = waiting.filter((timer) => !due.includes(timer));
      for (const { callback } of due.sort((a, b) => a.at - b.at)) callback();
    },
    /** Sets the wall clock, which the timers that wait do not notice. */
    setClock(second: number) {
      for (const timer of waiting) timer.at += second - now;
      now = second;
    },
    get next() {
      return Math.min(...waiting.map(({ at }) => at));
    },
  };
}

/** Runs a key as soon as it is added, one after another. */
export function createSerialQueue(reconcile: Reconcile) {
  let last: Promise<unknown> = Promise.resolve();
  const queue: WorkQueue = {
    add(key) {
      last = last.then(() => reconcile(key, new AbortController().signal));
    },
    run: (signal) => new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true })),
    size: 0,
  };
  return { queue, idle: () => last };
}

/** The context with what it was told. `api` takes status writes only. */
export function createMemoryContext(now: () => number) {
  const events: { type: string; reason: string; note: string }[] = [];
  const writes: { name: string; status: ClosedLoopStatus }[] = [];
  const state = { mayAct: true, failWrites: false };
  const api = {
    async apply(_: unknown, { metadata, status }: { metadata: { name: string }; status: ClosedLoopStatus }) {
      if (state.failWrites) throw new KubernetesError(0, 'Unreachable', 'no answer');
      writes.push({ name: metadata.name, status });
      return { metadata: { ...metadata, resourceVersion: String(writes.length + 1) } };
    },
  } as unknown as KubernetesApi;
  const context: OperatorContext = {
    api,
    events: { record: (_, type, reason, note) => void events.push({ type, reason, note }) },
    logger: pino({ level: 'silent' }),
    metrics: new Registry(),
    mayAct: () => state.mayAct,
    now,
    namespaces: undefined,
  };
  return { context, events, writes, state };
}

type SpecInput = Record<string, unknown>;

export const pushedCpuAndMemory: SpecInput = {
  metrics: [
    {
      name: 'cpu',
      rank: 1,
      source: { push: {} },
      thresholds: [{ kind: 'inferior', value: 5, reaction: { horizontal: { by: -1 } } }],
    },
    {
      name: 'memory',
      rank: 2,
      source: { push: {} },
      thresholds: [{ kind: 'inferior', value: 50, reaction: { horizontal: { by: -1 } } }],
    },
  ],
  behavior: { maxReplicas: 40, scaleDown: { stabilizationWindowSeconds: 0 } },
};

export function closedLoopObject(
  name: string,
  spec: SpecInput,
  metadata: Partial<ClosedLoop['metadata']> = {},
): ClosedLoop {
  return {
    apiVersion: 'duoloop.dev/v1alpha1',
    kind: 'ClosedLoop',
    metadata: { name, namespace, uid: `uid-of-${name}`, generation: 1, resourceVersion: '1', ...metadata },
    spec: { targetRef: { name: 'web' }, ...spec } as unknown as ClosedLoop['spec'],
  };
}
