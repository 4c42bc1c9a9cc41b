/** `duoloop promote` on a real API server, with the rights that manifests/training gives it; the test is the agent. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest';
import { loadApp } from '../../env/apps/load-app.ts';
import { type KubernetesApi, resourceTypes } from '../../env/cluster/kubernetes-api.ts';
import { connectKubernetes } from '../../env/cluster/kubernetes-client.ts';
import type { CommandContext } from '../../env/command.ts';
import { formatTrace } from '../../env/workload/trace.ts';
import {
  type Checkpoint,
  encodeFloats,
  hashBytes,
  readCheckpoint,
  writeCheckpoint,
} from '../../policies/actor-critic/checkpoint.ts';
import type { DeliberativeLoop } from '../../policies/resources/deliberative-loop.ts';
import { describeCluster } from '../../test/cluster.ts';
import {
  type ConfigMap,
  checkpointOfConfigMap,
  configMapLimitBytes,
  writeCheckpointConfigMap,
} from '../export/config-map.ts';
import { applyManifests, readManifest, writeAccountKubeconfig } from '../in-cluster/manifests.fixture.ts';
import { command } from '../promote-command.ts';
import { heldOutTraces } from '../trace-sets.ts';
import type { PromotionResult } from './promote.ts';
import { recordAnnotation } from './record.ts';
import { shaOf } from './tiny-checkpoint.fixture.ts';

const app = await loadApp('frontend');
const trained = await readCheckpoint('policies/checkpoints/frontend');
const name = 'frontend-policy';

/** The trained policy with other weights. */
function changed(change: (weight: number, i: number) => number): Checkpoint {
  const parameters = trained.parameters.map(change);
  const bytes = encodeFloats(parameters);
  const weights = { sha256: hashBytes(bytes), bytes: bytes.byteLength };
  return { parameters, optimizer: null, document: { ...trained.document, weights } };
}
/** Worse than the trained one on any traffic: a part of what it sees is the wrong way round. */
const incumbent = changed((weight, i) => (i < 1000 && i % 5 === 0 ? -weight : weight));

describeCluster('promoting a policy', (cluster) => {
  let folder: string;
  let admin: KubernetesApi;
  let traces: string[];
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'duoloop-promote-'));
    admin = await connectKubernetes({ kubeconfigFiles: [cluster.kubeconfigFile] });
    traces = await Promise.all(
      heldOutTraces({ app, perFamily: 1, durationSeconds: 2 * 3600 }).map(async (trace) => {
        const file = join(folder, `${trace.name}.csv`);
        await writeFile(file, formatTrace(trace));
        return file;
      }),
    );
    await writeCheckpoint(join(folder, 'better'), trained);
    await writeCheckpoint(
      join(folder, 'same'),
      changed((weight, i) => (i === 0 ? weight + 1e-6 : weight)),
    );
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  async function scene() {
    const namespace = await cluster.namespace('promote');
    await applyManifests(admin, namespace, await readManifest('service-account.yaml'));
    const kubeconfig = join(folder, `${namespace}.kubeconfig`);
    const certificateAuthority = await readFile(cluster.caFile, 'utf8');
    await writeAccountKubeconfig({ ...cluster, certificateAuthority }, namespace, kubeconfig);
    await writeCheckpointConfigMap(admin, incumbent, { namespace, name, fieldManager: 'kubectl' });
    await admin.create(resourceTypes.deliberativeLoop, namespace, {
      apiVersion: 'duoloop.dev/v1alpha1',
      kind: 'DeliberativeLoop',
      metadata: { name: 'frontend' },
      spec: {
        closedLoops: { names: ['frontend'] },
        policy: { checkpoint: { configMap: { name }, sha256: shaOf(incumbent) } },
        mode: 'Bounded',
      },
    });
    const loop = () => admin.get<DeliberativeLoop>(resourceTypes.deliberativeLoop, namespace, 'frontend');
    const inForce = () => admin.get<ConfigMap>(resourceTypes.configMap, namespace, name);
    return {
      namespace,
      loop,
      async inForce() {
        return shaOf(await checkpointOfConfigMap(await inForce()));
      },
      async record() {
        return JSON.parse((await inForce()).metadata.annotations?.[recordAnnotation] ?? '{}');
      },
      async run(typed: Record<string, unknown>, signal = new AbortController().signal) {
        const printed: string[] = [];
        const log: string[] = [];
        const context: CommandContext = {
          signal,
          print: (line) => printed.push(line),
          log: (line) => log.push(line),
          commandLine: 'duoloop promote',
        };
        const quick = { canaryMinutes: 0.02, watchMinutes: 0.03, minDecisions: 3, pollSeconds: 0.1, json: true };
        const input = { namespace, deliberativeLoop: 'frontend', configMap: name, kubeconfig, ...quick, ...typed };
        const exitCode = await command.run(command.schema.parse(input), context);
        return { exitCode, result: JSON.parse(printed.join('\n')) as PromotionResult, log };
      },
      events: async () => {
        const { items } = await admin.list<{ reason: string; regarding: object }>(resourceTypes.event, { namespace });
        expect(items.every(({ regarding }) => (regarding as { name: string }).name === 'frontend')).toBe(true);
        return items.map(({ reason }) => reason).sort();
      },
    };
  }
  type Scene = Awaited<ReturnType<typeof scene>>;

  /** Reports what an agent would, of the policy in force and of the canary, each by its sha256. */
  function startAgent({ namespace, loop, inForce }: Scene, rewardOf: (sha256: string) => number): void {
    const stop = new AbortController();
    let decisions = 0;
    const running = (async () => {
      while (!stop.signal.aborted) {
        const [{ spec }, sha256] = await Promise.all([loop(), inForce()]);
        const canary = spec.policy.canary?.sha256;
        decisions++;
        const reward = { sha256, decisions, mean: rewardOf(sha256), deviation: 0.1 };
        const since = new Date().toISOString();
        const status = {
          reward,
          ...(canary && { canary: { sha256: canary, since, decisions, abstentions: 0 } }),
        };
        const object = {
          apiVersion: 'duoloop.dev/v1alpha1',
          kind: 'DeliberativeLoop',
          metadata: { name: 'frontend', namespace },
          status,
        };
        await admin.apply(resourceTypes.deliberativeLoop, object, {
          fieldManager: 'duoloop-agent',
          subresource: 'status',
        });
        await delay(50);
      }
    })();
    onTestFinished(async () => {
      stop.abort();
      await running;
    });
  }

  it('goes by the gate, the canary and the watch', async () => {
    const on = await scene();
    startAgent(on, () => -1);
    const { exitCode, result, log } = await on.run({ candidate: join(folder, 'better'), traces });
    expect(result).toMatchObject({ outcome: 'Accepted', inForce: shaOf(trained), gate: { passed: true } });
    expect(exitCode).toBe(0);
    expect(log.join('\n')).toMatch(/PromotionBegan: on 6 held-out traces × 3 seeds it beats hpa-tuned/);
    expect(await on.inForce()).toBe(shaOf(trained));
    const { policy } = (await on.loop()).spec;
    expect(policy).toEqual({ checkpoint: { configMap: { name }, sha256: shaOf(trained) } });
    const previous = await admin.get<ConfigMap>(resourceTypes.configMap, on.namespace, `${name}-previous`);
    expect(shaOf(await checkpointOfConfigMap(previous))).toBe(shaOf(incumbent));
    expect(await on.record()).toMatchObject({
      stage: 'Accepted',
      candidate: shaOf(trained),
      incumbent: shaOf(incumbent),
      since: expect.stringMatching(/^\d{4}-/),
      band: { measure: 'mean', mean: -1 },
    });
    expect(await on.events()).toEqual(['PolicyPromoted', 'PromotionAccepted', 'PromotionBegan']);
    // Whoever is no better than it is turned down at the gate.
    const next = await on.run({ candidate: join(folder, 'same'), traces });
    expect(next.exitCode).toBe(1);
    expect(next.result).toMatchObject({ outcome: 'Rejected', inForce: shaOf(trained) });
    expect(next.result.reason).toContain('does not beat the incumbent');
  }, 120_000);

  it('is rolled back when the reward falls below the incumbent’s band', async () => {
    const on = await scene();
    startAgent(on, (sha256) => (sha256 === shaOf(incumbent) ? -1 : -2));
    const { exitCode, result } = await on.run({ candidate: join(folder, 'better'), traces, watchMinutes: 60 });
    expect(exitCode).toBe(1);
    expect(result).toMatchObject({ outcome: 'RolledBack', inForce: shaOf(incumbent) });
    expect(result.reason).toMatch(/below the incumbent: mean -2 over \d+ decisions/);
    expect((await on.loop()).spec.policy).toEqual({
      checkpoint: { configMap: { name }, sha256: shaOf(incumbent) },
    });
    expect(await on.events()).toEqual(['PolicyPromoted', 'PolicyRolledBack', 'PromotionBegan']);
  }, 120_000);

  it('is gone on with and undone by calls of their own, one at a time', async () => {
    const on = await scene();
    startAgent(on, () => -1);
    const slow = { candidate: join(folder, 'better'), traces, canaryMinutes: 1000 };
    const [first, second] = await Promise.allSettled([
      on.run({ ...slow, once: true }),
      on.run({ ...slow, candidate: join(folder, 'same'), once: true }),
    ]);
    // Both pass the gate; only one of them gets to be the canary.
    const [lost] = [first, second].filter(({ status }) => status === 'rejected') as PromiseRejectedResult[];
    expect(lost?.reason).toMatchObject({ code: 'PROMOTION_BUSY' });
    const [won] = [first, second].flatMap((run) => (run.status === 'fulfilled' ? [run.value] : []));
    expect(won).toMatchObject({ exitCode: 0, result: { outcome: 'Waiting', inForce: shaOf(incumbent) } });
    expect((await on.loop()).spec.policy.canary).toEqual({
      configMap: { name: `${name}-canary` },
      sha256: won.result.candidate,
    });
    const stop = new AbortController();
    const waiting = on.run({ canaryMinutes: 1000 }, stop.signal);
    await delay(500);
    stop.abort();
    expect((await waiting).result).toMatchObject({ outcome: 'Waiting', candidate: won.result.candidate });
    // Past the canary, another call undoes it all.
    expect((await on.run({ canaryMinutes: 0.001, watchMinutes: 1000, once: true })).result.outcome).toBe('Waiting');
    expect(await on.record()).toMatchObject({ stage: 'Watch' });
    expect(await on.inForce()).toBe(won.result.candidate);
    expect(await on.run({ abort: true })).toMatchObject({ exitCode: 0, result: { outcome: 'Aborted' } });
    expect(await on.inForce()).toBe(shaOf(incumbent));
    expect((await on.loop()).spec.policy.canary).toBeUndefined();
  }, 120_000);

  it('keeps to the limit of a ConfigMap, which is the API server’s', async () => {
    const namespace = await cluster.namespace('size');
    const filled = (bytes: number) =>
      admin.create(resourceTypes.configMap, namespace, {
        metadata: { name: `filled-${bytes}` },
        data: { 'checkpoint.json': 'x'.repeat(1000) },
        binaryData: { 'weights.bin': Buffer.alloc(bytes - 1000).toString('base64') },
      });
    await filled(configMapLimitBytes);
    await expect(filled(configMapLimitBytes + 1)).rejects.toMatchObject({ status: 422 });
    const parameters = new Float32Array(configMapLimitBytes / 4);
    const target = { namespace, name: 'large', fieldManager: 'test' };
    const large = writeCheckpointConfigMap(admin, { ...trained, parameters }, target);
    await expect(large).rejects.toMatchObject({
      code: 'CONFIG_MAP_SIZE',
      message: expect.stringMatching(/weights.bin 1048576, together \d+ of at most 1048576/),
    });
  });
});
