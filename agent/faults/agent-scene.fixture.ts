/** The lab's frontend in one or more namespaces, the operator as a process over them, and agents as processes of the test's own. */
import { setMaxListeners } from 'node:events';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadApp } from '../../env/apps/load-app.ts';
import { type KubernetesApi, resourceTypes } from '../../env/cluster/kubernetes-api.ts';
import { closedLoopQueries } from '../../env/cluster/live/closed-loop-queries.ts';
import { createLab, type Lab } from '../../env/lab/lab.ts';
import { startOrphanGuard } from '../../env/lab/orphan-guard.ts';
import { followObjects } from '../../env/lab/stand-in/follow-objects.ts';
import type { Checkpoint } from '../../policies/actor-critic/checkpoint.ts';
import type { ClosedLoop } from '../../policies/resources/closed-loop.ts';
import type { DeliberativeLoop } from '../../policies/resources/deliberative-loop.ts';
import type { StoredObject } from '../../policies/resources/resource.ts';
import { shippedAgentRules } from '../agent-rules.fixture.ts';
import { type DuoloopProcess, type DuoloopProcessOptions, duoloopProcess } from './duoloop-process.fixture.ts';
import { configMapOf, partsOf } from './forged-checkpoint.fixture.ts';

/** Of account and lease: a test may delete any of the others. */
const ownNamespace = 'default';

/** With it a decision interval of the frontend's policy, 15 s, is one second, and so is a tick of its closed loop. */
const speed = 15;
const rps = 1500;
const scrapeIntervalSeconds = 0.5;
const rateWindowSeconds = 2;
/** So that no second of the model is negative. */
const modelDaysBefore = 30;

export const workload = 'frontend';
/** Of every namespace. */
export const loopName = 'frontend';

/** Long, so that scrapes which come late on a busy machine make no other size. */
const loopWindowSeconds = 8;
const queries = closedLoopQueries('istio', { workloads: [workload], rateWindowSeconds: loopWindowSeconds });

export interface SeenDeployment extends StoredObject {
  readonly spec: { readonly replicas: number };
}

export interface AgentOptions extends Partial<Pick<DuoloopProcessOptions, 'preload'>> {
  readonly prometheusUrl?: string;
  readonly namespaces?: readonly string[];
  readonly kubeconfigFile?: string;
  readonly extraArguments?: readonly string[];
}

export interface AgentSceneOptions {
  /** Asked by operator and agents instead of the lab's Prometheus; the address, and how to stop it. */
  readonly prometheus?: (lab: Lab) => Promise<{ readonly url: string; stop(): Promise<void> }>;
}

export interface AgentScene {
  readonly lab: Lab;
  readonly api: KubernetesApi;
  readonly operator: DuoloopProcess;
  /** For files that go with the scene. */
  readonly folder: string;
  /** Not started yet; `name` is its identity. Stopped with the scene. */
  agent(name: string, options?: AgentOptions): Promise<DuoloopProcess>;
  closedLoop(namespace: string, spec: object): Promise<void>;
  deliberativeLoop(namespace: string, spec: object): Promise<void>;
  checkpoint(namespace: string, name: string, checkpoint: Checkpoint): Promise<void>;
  readClosedLoop(namespace: string): Promise<ClosedLoop>;
  readDeliberativeLoop(namespace: string): Promise<DeliberativeLoop>;
  replicas(namespace: string): Promise<number>;
  /** Every state of the workload and of the two loops from now on, as the API server tells it. */
  record(namespace: string): SceneRecord;
  stop(): Promise<void>;
}

export interface SceneRecord {
  /** Wanted sizes of the workload, each with the moment it was seen, Unix seconds. */
  readonly sizes: { readonly second: number; readonly replicas: number }[];
  readonly closedLoops: { readonly second: number; readonly object: ClosedLoop }[];
  readonly deliberativeLoops: { readonly second: number; readonly object: DeliberativeLoop }[];
}

const source = (query: string) => ({ prometheus: { query } });

/**
 * A closed loop that, left alone, keeps the frontend at one size under the steady load, wherever it comes from, in one tick:
 * a pod for every 320 requests/s. Its metrics have the names that the frontend's policy was trained for.
 */
export const steadyLoop = {
  targetRef: { name: workload },
  intervalSeconds: 1,
  whileRollingOut: 'React',
  metrics: [
    {
      name: 'p95',
      rank: 1,
      source: source(queries.p95),
      thresholds: [{ kind: 'superior', value: 10_000, reaction: { horizontal: { by: 1 } } }],
    },
    {
      name: 'cpu',
      rank: 2,
      source: source(queries.load),
      thresholds: [{ kind: 'superior', reaction: { horizontal: { track: 320 } } }],
    },
  ],
  behavior: { minReplicas: 1, maxReplicas: 15, scaleDown: { stabilizationWindowSeconds: 0 } },
};
export const steadySize = Math.ceil(rps / 320);

/** The frontend of the lab under a steady load, in each of the namespaces; the operator serves them all. */
export async function startAgentScene(
  namespaces: readonly string[],
  options: AgentSceneOptions = {},
): Promise<AgentScene> {
  const folder = await mkdtemp(join(tmpdir(), 'duoloop-agent-'));
  const guard = startOrphanGuard(folder);
  const processes: DuoloopProcess[] = [];
  const stopped = new AbortController();
  // Every watch listens to it.
  setMaxListeners(0, stopped.signal);
  let lab: Lab | undefined;
  let prometheus: { readonly url: string; stop(): Promise<void> } | undefined;
  const stop = async () => {
    stopped.abort();
    await Promise.all(processes.map((each) => each.stop()));
    await prometheus?.stop();
    await lab?.stop();
    await guard.dismiss();
  };
  const start = async (ofProcess: Omit<DuoloopProcessOptions, 'folder'>) => {
    const started = await duoloopProcess({ ...ofProcess, folder }, guard);
    processes.push(started);
    return started;
  };
  try {
    lab = await createLab({
      app: await loadApp('frontend'),
      trace: { name: 'steady', seconds: [0, 10 * 86_400], rps: [rps, rps] },
      speed,
      namespaces,
      groupSize: steadySize,
      scrapeIntervalSeconds,
    });
    prometheus = await options.prometheus?.(lab);
    const { api, kubeconfigFile } = lab;
    const prometheusUrl = prometheus?.url ?? lab.prometheusUrl;
    const epoch = lab.startTrace() - (modelDaysBefore * 86_400) / speed;
    const operator = await start({
      verb: 'operator',
      name: 'operator',
      commandLine: [
        ...['--kubeconfig', kubeconfigFile, '--prometheus', prometheusUrl, '--ingest-port', '0'],
        ...['--namespace', ownNamespace, '--lease-duration-seconds', '5'],
        ...['--watch-namespace', ...namespaces],
      ],
    });
    await operator.start();
    const agentKubeconfig = await agentAccount(lab, namespaces);
    const create = async (type: keyof typeof resourceTypes, namespace: string, object: object) =>
      void (await api.create(resourceTypes[type], namespace, object));
    const read = <T>(type: keyof typeof resourceTypes, namespace: string, name: string) =>
      api.get<T>(resourceTypes[type], namespace, name);
    const custom = (kind: string, spec: object) => ({
      apiVersion: 'duoloop.dev/v1alpha1',
      kind,
      metadata: { name: loopName },
      spec,
    });
    return {
      lab,
      api,
      operator,
      folder,
      agent: (name, asked = {}) =>
        start({
          verb: 'agent',
          name,
          preload: asked.preload,
          commandLine: [
            ...['--kubeconfig', asked.kubeconfigFile ?? agentKubeconfig],
            ...['--prometheus', asked.prometheusUrl ?? prometheusUrl],
            ...['--rate-window', String(rateWindowSeconds), '--time-scale', String(speed), '--epoch', String(epoch)],
            ...['--identity', name, '--watch-namespace', ...(asked.namespaces ?? namespaces)],
            ...(asked.extraArguments ?? []),
          ],
        }),
      closedLoop: (namespace, spec) => create('closedLoop', namespace, custom('ClosedLoop', spec)),
      deliberativeLoop: (namespace, spec) => create('deliberativeLoop', namespace, custom('DeliberativeLoop', spec)),
      checkpoint: (namespace, name, checkpoint) =>
        create('configMap', namespace, configMapOf(name, partsOf(checkpoint))),
      readClosedLoop: (namespace) => read('closedLoop', namespace, loopName),
      readDeliberativeLoop: (namespace) => read('deliberativeLoop', namespace, loopName),
      replicas: async (namespace) => (await read<SeenDeployment>('deployment', namespace, workload)).spec.replicas,
      record: (namespace) => record(api, namespace, stopped.signal),
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** A service account that may do in these namespaces what an agent may, as a kubeconfig. */
async function agentAccount({ controlPlane }: Lab, namespaces: readonly string[]): Promise<string> {
  const { api } = controlPlane;
  const account = { namespace: ownNamespace, name: 'duoloop-agent' };
  const rbac = '/apis/rbac.authorization.k8s.io/v1';
  const metadata = { name: account.name };
  await api.create(`/api/v1/namespaces/${account.namespace}/serviceaccounts`, { metadata: account });
  await api.create(`${rbac}/clusterroles`, { metadata, rules: shippedAgentRules() });
  const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: account.name };
  const subjects = [{ kind: 'ServiceAccount', ...account }];
  for (const namespace of namespaces) {
    await api.create(`${rbac}/namespaces/${namespace}/rolebindings`, { metadata, roleRef, subjects });
  }
  return controlPlane.serviceAccountKubeconfig(account);
}

function record(api: KubernetesApi, namespace: string, signal: AbortSignal): SceneRecord {
  const recorded: SceneRecord = { sizes: [], closedLoops: [], deliberativeLoops: [] };
  const now = () => Date.now() / 1000;
  const follow = <T extends StoredObject>(type: keyof typeof resourceTypes, put: (object: T) => void) =>
    void followObjects<T & { metadata: { uid: string } }>({
      api,
      type: resourceTypes[type],
      namespace,
      signal,
      put,
      remove: () => undefined,
    });
  follow<SeenDeployment>('deployment', ({ metadata, spec: { replicas } }) => {
    if (metadata.name !== workload || recorded.sizes.at(-1)?.replicas === replicas) return;
    recorded.sizes.push({ second: now(), replicas });
  });
  follow<ClosedLoop>('closedLoop', (object) => recorded.closedLoops.push({ second: now(), object }));
  follow<DeliberativeLoop>('deliberativeLoop', (object) => recorded.deliberativeLoops.push({ second: now(), object }));
  return recorded;
}
