/**
 * Poisoned input never moves replicas outside the guardrails, nor by more than maxStep per set-point, nor anything of
 * another tenant of the same agent. Sizes are those that a watch has seen through the whole file. The policies always want
 * to go on in one direction, so that whatever is believed and let through shows; the closed loops of `up` and `down` react to
 * nothing, so that every move there is a set-point's.
 */
import { readdir } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import '../../test/cluster.ts';
import { resourceTypes } from '../../env/cluster/kubernetes-api.ts';
import type { Checkpoint } from '../../policies/actor-critic/checkpoint.ts';
import {
  type AgentScene,
  loopName,
  type SceneRecord,
  startAgentScene,
  steadyLoop,
  steadySize,
  workload,
} from './agent-scene.fixture.ts';
import type { DuoloopProcess } from './duoloop-process.fixture.ts';
import { alwaysMoving, configMapOf } from './forged-checkpoint.fixture.ts';
import {
  type CheckpointPoison,
  type CheckpointServer,
  poisonedFolders,
  poisonedParts,
  startPoisonedServer,
} from './poisoned-checkpoints.fixture.ts';
import { metricPoisons, poisonScrape } from './poisoned-metrics.fixture.ts';
import { startTamperedPrometheus, type TamperedPrometheus } from './tampered-prometheus.fixture.ts';

const guardrails = { maxStep: 2, minReplicas: 2, maxReplicas: 9, staleAfterSeconds: 5 };
const attacked = ['up', 'down', 'exposed'] as const;
const bystander = 'bystander';
const namespaces = [...attacked, bystander];
const within = (seconds: number) => ({ timeout: seconds * 1000, interval: 100 });
/** Longest time between two proposals of one that is served every second, on a machine that others share. */
const longestPauseSeconds = 6;

const inert = {
  ...steadyLoop,
  metrics: steadyLoop.metrics.map(({ name, rank }) => ({
    name,
    rank,
    source: { prometheus: { query: 'vector(1)' } },
    thresholds: [{ kind: 'superior', value: 10_000, reaction: { horizontal: { by: 1 } } }],
  })),
};
/** Reads what is poisoned; its own bounds are those of the guardrails. */
const exposed = { ...steadyLoop, behavior: { ...steadyLoop.behavior, minReplicas: 2, maxReplicas: 9 } };

describe.skipIf(!inject('sharedCluster').available)('poisoned input', () => {
  let scene: AgentScene;
  let prometheus: TamperedPrometheus;
  let agent: DuoloopProcess;
  let server: CheckpointServer;
  let folders: Awaited<ReturnType<typeof poisonedFolders>>;
  let sound: Checkpoint;
  const records = new Map<string, SceneRecord>();

  beforeAll(async () => {
    scene = await startAgentScene(namespaces, {
      prometheus: async (lab) => {
        prometheus = await startTamperedPrometheus(lab);
        return prometheus;
      },
    });
    sound = await alwaysMoving(2);
    folders = await poisonedFolders(scene.folder, sound);
    server = await startPoisonedServer(sound, scene.folder);
    for (const namespace of namespaces) {
      records.set(namespace, scene.record(namespace));
      await scene.closedLoop(namespace, namespace === 'exposed' ? exposed : inert);
      await scene.checkpoint(namespace, 'policy', namespace === 'down' ? await alwaysMoving(-2) : sound);
      await scene.deliberativeLoop(namespace, {
        closedLoops: { names: [loopName] },
        policy: { checkpoint: { configMap: { name: 'policy' } } },
        mode: 'Bounded',
        intervalSeconds: 1,
        guardrails,
      });
    }
    agent = await scene.agent('agent', {
      extraArguments: ['--checkpoint-root', folders.root, '--url-host', server.host],
    });
    await agent.start();
  }, 120_000);
  afterAll(async () => {
    await scene?.stop();
    await server?.close();
  }, 60_000);

  const record = (namespace: string) => records.get(namespace) as SceneRecord;
  const ready = async (namespace: string) =>
    (await scene.readDeliberativeLoop(namespace)).status?.conditions?.find(({ type }) => type === 'Ready');
  const setSize = async (namespace: string, replicas: number) =>
    void (await scene.api.mergePatch(
      resourceTypes.deployment,
      namespace,
      workload,
      { spec: { replicas } },
      { subresource: 'scale' },
    ));

  /** On sound metrics the policies go as far as they may: what comes through would show. */
  async function expectAtBounds(): Promise<void> {
    await expect.poll(() => scene.replicas('up'), within(20)).toBe(guardrails.maxReplicas);
    await expect.poll(() => scene.replicas('down'), within(20)).toBe(guardrails.minReplicas);
  }

  /** From then on set-points are no floor any more, and the test may set sizes itself. */
  async function expectRunOut(namespace: string): Promise<void> {
    await expect
      .poll(async () => (await scene.readDeliberativeLoop(namespace)).status?.proposals, within(10))
      .toEqual([]);
    const { second, object } = record(namespace).deliberativeLoops.findLast(
      (seen) => (seen.object.status?.proposals.length ?? 0) > 0,
    ) as SceneRecord['deliberativeLoops'][number];
    expect(object.metadata.namespace).toBe(namespace);
    await delay(Math.max(0, (second + guardrails.staleAfterSeconds + 2) * 1000 - Date.now()));
  }

  async function expectDeciding(namespace: string): Promise<void> {
    const since = Date.now();
    const seen = async () => {
      const { proposals = [], conditions } = (await scene.readDeliberativeLoop(namespace)).status ?? {};
      // By then the poison has been scraped, and fills the window of a rate.
      const isNew = proposals.some(({ time }) => Date.parse(time) > since + 4_000);
      return { isNew, says: conditions?.find(({ type }) => type === 'Ready')?.message };
    };
    await expect.poll(seen, within(20)).toEqual({ isNew: true, says: expect.any(String) });
  }

  function expectWithinGuardrails(): void {
    for (const namespace of attacked) {
      const sizes = record(namespace).sizes.map(({ replicas }) => replicas);
      expect(sizes.filter((size) => size < guardrails.minReplicas || size > guardrails.maxReplicas)).toEqual([]);
    }
    for (const namespace of ['up', 'down']) {
      const sizes = record(namespace).sizes.map(({ replicas }) => replicas);
      const steps = sizes.map((size, i) => size - (sizes[i - 1] ?? size));
      // Back to the steady size goes the test itself.
      const own = steps.filter((step, i) => sizes[i] !== steadySize && Math.abs(step) > guardrails.maxStep);
      expect(own, `${namespace}: ${sizes}`).toEqual([]);
    }
  }

  function expectBystanderServed(since: number): void {
    const moments = record(bystander)
      .deliberativeLoops.flatMap(
        ({ object }) => object.status?.proposals?.map(({ time }) => Date.parse(time) / 1000) ?? [],
      )
      .filter((second) => second >= since);
    const pauses = moments.map((second, i) => second - (moments[i - 1] ?? since));
    expect(Math.max(...pauses, Date.now() / 1000 - (moments.at(-1) ?? 0))).toBeLessThan(longestPauseSeconds);
  }

  test('of metrics: it abstains and says so, or decides as if nothing were', async () => {
    const since = Date.now() / 1000;
    await expectAtBounds();
    for (const poison of metricPoisons) {
      const { name, abstains } = poison;
      prometheus.tamper(poisonScrape(poison, attacked));
      if (!abstains) {
        await Promise.all(attacked.map(expectDeciding));
        continue;
      }
      for (const namespace of attacked) {
        await expect
          .poll(() => ready(namespace), { ...within(20), message: `${name} in ${namespace}` })
          .toMatchObject({ status: 'False' });
      }
      await Promise.all(attacked.map(expectRunOut));
      await Promise.all(['up', 'down'].map((namespace) => setSize(namespace, steadySize)));
      prometheus.tamper((text) => text);
      await expectAtBounds();
    }
    prometheus.tamper((text) => text);
    expectWithinGuardrails();
    expectBystanderServed(since);
    expect(agent.pid).toBeDefined();
    expect(await agent.otherOutput()).toEqual([]);
  }, 240_000);

  test('of checkpoints: it keeps to the one before, or proposes nothing', async () => {
    const since = Date.now() / 1000;
    const poisons: CheckpointPoison[] = [...poisonedParts(sound), ...folders.poisons, ...server.poisons];
    for (const [i, poison] of poisons.entries()) {
      const name = `poison-${i}`;
      if (poison.parts !== undefined) {
        await scene.api.create(resourceTypes.configMap, 'up', configMapOf(name, poison.parts));
      }
      const checkpoint = {
        configMap: null,
        file: null,
        url: null,
        sha256: null,
        ...(poison.reference ?? { configMap: { name } }),
      };
      await scene.api.mergePatch(resourceTypes.deliberativeLoop, 'up', loopName, { spec: { policy: { checkpoint } } });
      await expect
        .poll(async () => (await ready('up'))?.message, { ...within(15), message: poison.name })
        .toMatch(poison.says);
    }
    expectWithinGuardrails();
    expectBystanderServed(since);
    expect(await readdir(scene.folder)).not.toContain('escaped');
    expect(agent.pid).toBeDefined();
    expect(await agent.otherOutput()).toEqual([]);
    const checkpoint = { configMap: { name: 'policy' }, file: null, url: null, sha256: null };
    await scene.api.mergePatch(resourceTypes.deliberativeLoop, 'up', loopName, { spec: { policy: { checkpoint } } });
    // With a history that it reads anew, in which what was poisoned lies.
    await expectDeciding('up');
  }, 180_000);
});
