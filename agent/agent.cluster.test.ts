/** The agent on a real API server, with no more rights than it is to have. */
import { beforeAll, expect, it, onTestFinished } from 'vitest';
import { type KubernetesApi, resourceTypes } from '../env/cluster/kubernetes-api.ts';
import { connectKubernetes } from '../env/cluster/kubernetes-client.ts';
import { freePort } from '../env/lab/loopback-ports.ts';
import { readCheckpoint } from '../policies/actor-critic/checkpoint.ts';
import { createDeliberation } from '../policies/deliberation/deliberation.ts';
import type { ClosedLoop } from '../policies/resources/closed-loop.ts';
import type { DeliberativeLoop } from '../policies/resources/deliberative-loop.ts';
import { describeCluster } from '../test/cluster.ts';
import { agentOptionsSchema } from './agent-command.ts';
import { shippedAgentRules } from './agent-rules.fixture.ts';
import {
  type CheckpointBytes,
  checkpointBytes,
  checkpointsFolder,
  configMapOf,
} from './checkpoints/policies.fixture.ts';
import { agentOn, defaultControls, testInterval } from './rounds/rounds.fixture.ts';
import { runAgent } from './run-agent.ts';

const seconds = (timeout: number) => ({ timeout: timeout * 1000, interval: 50 });

describeCluster('the agent', (cluster) => {
  let admin: KubernetesApi;
  let shipped: CheckpointBytes;
  let other: CheckpointBytes;
  let metricNames: string[];
  beforeAll(async () => {
    admin = await connectKubernetes({ kubeconfigFiles: [cluster.kubeconfigFile], userAgent: 'test' });
    [shipped, other] = await Promise.all([checkpointBytes(), checkpointBytes('frontend', 0.5)]);
    const { document } = await readCheckpoint(`${checkpointsFolder}/frontend`);
    metricNames = document.loop.metrics.map(({ name }) => name);
  });

  /** A token of a service account that may do what an agent may. */
  async function agentToken(namespace: string): Promise<string> {
    const accounts = `/api/v1/namespaces/${namespace}/serviceaccounts`;
    const rbac = `/apis/rbac.authorization.k8s.io/v1/namespaces/${namespace}`;
    await cluster.api.create(accounts, { metadata: { name: 'agent' } });
    await cluster.api.create(`${rbac}/roles`, { metadata: { name: 'agent' }, rules: shippedAgentRules() });
    await cluster.api.create(`${rbac}/rolebindings`, {
      metadata: { name: 'agent' },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'agent' },
      subjects: [{ kind: 'ServiceAccount', namespace, name: 'agent' }],
    });
    const request = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: { expirationSeconds: 600 } };
    return (await cluster.api.create<{ status: { token: string } }>(`${accounts}/agent/token`, request)).status.token;
  }

  async function begin() {
    const namespace = await cluster.namespace('agent');
    const token = await agentToken(namespace);
    const clock = { second: Math.floor(Date.now() / 1000 / testInterval) * testInterval };
    const controls = defaultControls();
    await admin.create(resourceTypes.configMap, namespace, configMapOf('policy', shipped));
    await admin.create(resourceTypes.closedLoop, namespace, {
      apiVersion: 'duoloop.dev/v1alpha1',
      kind: 'ClosedLoop',
      metadata: { name: 'web' },
      spec: {
        targetRef: { name: 'web' },
        behavior: { maxReplicas: 10 },
        metrics: metricNames.map((name, i) => ({
          name,
          rank: i + 1,
          source: { push: {} },
          thresholds: [{ kind: 'superior', value: 80, reaction: { horizontal: { by: 1 } } }],
        })),
      },
    });
    await admin.create(resourceTypes.deliberativeLoop, namespace, {
      apiVersion: 'duoloop.dev/v1alpha1',
      kind: 'DeliberativeLoop',
      metadata: { name: 'tuner' },
      spec: {
        closedLoops: { names: ['web'] },
        policy: { checkpoint: { configMap: { name: 'policy' } } },
        intervalSeconds: testInterval,
        mode: 'Bounded',
      },
    });
    const tuner = () => admin.get<DeliberativeLoop>(resourceTypes.deliberativeLoop, namespace, 'tuner');
    return {
      namespace,
      clock,
      controls,
      tuner,
      async agent(identity: string) {
        const api = await connectKubernetes({ kubeconfigFiles: [cluster.kubeconfigFile], token, userAgent: identity });
        const deliberationOf: NonNullable<Parameters<typeof agentOn>[0]['deliberationOf']> = (policy) =>
          createDeliberation(policy.checkpoint, policy.app, { origin: policy.origin });
        return agentOn({ api, identity, clock, controls, namespaces: [namespace], deliberationOf });
      },
      ready: async () => (await tuner()).status?.conditions.find(({ type }) => type === 'Ready'),
      replacePolicy: (content: Pick<CheckpointBytes, 'document' | 'weights'>) =>
        admin.mergePatch(resourceTypes.configMap, namespace, 'policy', configMapOf('policy', content)),
    };
  }

  it('proposes under its own name, beside what the operator writes, and changes nothing else', async () => {
    const { agent, tuner, namespace, controls } = await begin();
    const accepted = {
      type: 'Accepted',
      status: 'True',
      reason: 'Valid',
      message: 'ok',
      lastTransitionTime: '2026-01-01T00:00:00Z',
    };
    const operators = { observedGeneration: 1, conditions: [accepted] };
    await admin.apply(
      resourceTypes.deliberativeLoop,
      {
        apiVersion: 'duoloop.dev/v1alpha1',
        kind: 'DeliberativeLoop',
        metadata: { name: 'tuner', namespace },
        status: operators,
      },
      { fieldManager: 'duoloop-operator', subresource: 'status' },
    );
    const before = await tuner();
    const loopBefore = await admin.get<ClosedLoop>(resourceTypes.closedLoop, namespace, 'web');
    const one = await agent('one');
    await one.round();
    const after = await tuner();
    expect(after.spec).toEqual(before.spec);
    expect(after.metadata.generation).toBe(before.metadata.generation);
    expect(after.status).toMatchObject({
      observedGeneration: 1,
      proposals: [{ closedLoop: 'web', hpaWouldBe: expect.any(Number), confidence: expect.any(Number) }],
      policy: { sha256: shipped.sha256 },
      agent: { identity: 'one' },
    });
    expect(after.status?.conditions).toContainEqual(accepted);
    expect(await admin.get<ClosedLoop>(resourceTypes.closedLoop, namespace, 'web')).toEqual(loopBefore);
    // What it does not say any more is gone.
    controls.measure = async (systems) =>
      systems.map(({ key }) => ({ ...nothingMeasured(key), missing: ['no series'] }));
    await one.nextRound();
    expect((await tuner()).status).toMatchObject({ proposals: [] });
    expect((await tuner()).status?.conditions).toContainEqual(accepted);
  });

  it('hands over between two agents, and gives everything up when its policy is another', async () => {
    const { agent, tuner, namespace, ready } = await begin();
    const [one, two] = [await agent('one'), await agent('two')];
    await Promise.all([one.round(), two.round()]);
    const [holder, waiter] = (await tuner()).status?.agent?.identity === 'one' ? [one, two] : [two, one];
    expect(waiter.events.map(({ reason }) => reason)).toContain('AnotherAgent');
    await holder.nextRound();
    await waiter.round();
    await holder.rounds.release(AbortSignal.timeout(5_000));
    expect((await tuner()).status).toMatchObject({ proposals: [{}] });
    expect((await tuner()).status?.agent).toBeUndefined();
    expect(await ready()).toMatchObject({ status: 'Unknown', reason: 'AgentStopped' });
    await waiter.nextRound();
    expect(await ready()).toMatchObject({ status: 'True' });
    const identity = (await tuner()).status?.agent?.identity;
    expect(identity).toBe(waiter === one ? 'one' : 'two');
    await admin.jsonPatch(resourceTypes.deliberativeLoop, namespace, 'tuner', [
      { op: 'replace', path: '/spec/policy', value: { none: {} } },
    ]);
    await waiter.round();
    const { status } = await tuner();
    expect(status?.agent).toBeUndefined();
    expect(status?.proposals ?? []).toEqual([]);
    expect(status?.conditions ?? []).toEqual([]);
  });

  it('follows its ConfigMap, and does not follow a bad one', async () => {
    const { agent, tuner, ready, replacePolicy } = await begin();
    const one = await agent('one');
    await one.round();
    await replacePolicy({ document: shipped.document, weights: other.weights });
    await one.nextRound();
    expect((await tuner()).status).toMatchObject({ proposals: [{}], policy: { sha256: shipped.sha256 } });
    expect(await ready()).toMatchObject({ status: 'True', reason: 'NewCheckpointRefused' });
    await replacePolicy(other);
    await one.nextRound();
    expect((await tuner()).status).toMatchObject({ proposals: [{}], policy: { sha256: other.sha256 } });
    expect(await ready()).toMatchObject({ status: 'True', reason: 'Deciding' });
  });

  it('as a whole: without Prometheus it says so, serves its metrics, and lets go when it is stopped', async () => {
    const { namespace, tuner, ready } = await begin();
    const [port, nowhere] = [await freePort(), await freePort()];
    const options = agentOptionsSchema.parse({
      prometheus: `http://127.0.0.1:${nowhere}`,
      kubeconfig: cluster.kubeconfigFile,
      watchNamespace: [namespace],
      identity: 'whole',
      logLevel: 'silent',
      port,
    });
    const stop = new AbortController();
    const running = runAgent(options, stop.signal);
    onTestFinished(() => stop.abort());
    await expect.poll(ready, seconds(20)).toMatchObject({ status: 'False', reason: 'PrometheusUnreachable' });
    const ask = async (path: string) => fetch(`http://127.0.0.1:${port}${path}`);
    await expect.poll(async () => (await ask('/readyz')).status, seconds(10)).toBe(200);
    expect((await ask('/healthz')).status).toBe(200);
    expect(await (await ask('/metrics')).text()).toMatch(/duoloop_agent_rounds_total\{outcome="ok"\} [1-9]/);
    stop.abort();
    await running;
    expect((await tuner()).status?.agent).toBeUndefined();
    const { items } = await admin.list<{ reason: string; reportingController: string }>(resourceTypes.event, {
      namespace,
    });
    const told = items.filter(({ reportingController }) => reportingController === 'duoloop.dev/agent');
    expect(told.map(({ reason }) => reason)).toContain('PrometheusUnreachable');
  });
});

function nothingMeasured(key: string) {
  const missing = Float64Array.of(Number.NaN);
  const none = Int32Array.of(-1);
  return {
    key,
    load: Number.NaN,
    p95Milliseconds: Number.NaN,
    requestsPerSecond: missing,
    cpuPercent: missing,
    memoryPercent: missing,
    measuredReady: none,
    ready: none,
    desired: none,
    ageSeconds: Number.NaN,
    missing: [],
  };
}
