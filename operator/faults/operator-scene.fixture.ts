/** A namespace of a test's own with an operator process that serves it, and what a user of the cluster sees there. */
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll } from 'vitest';
import { resourceTypes } from '../../env/cluster/kubernetes-api.ts';
import type { StoredObject } from '../../policies/resources/resource.ts';
import type { TestCluster } from '../../test/cluster.ts';
import { conditionIn, scene } from '../closed-loop/cluster.fixture.ts';
import { type OperatorProcess, type OperatorProcessOptions, startOperatorProcess } from './operator-process.fixture.ts';

export type OperatorScene = Awaited<ReturnType<typeof operatorScene>>;

/** Where JSON exporters of tests listen, which no operator asks by default. */
export const loopbackSources = ['--http-source-host', '^127\\.0\\.0\\.1$'];

interface EventObject extends StoredObject {
  readonly type: string;
  readonly reason: string;
  readonly note: string;
  readonly regarding: { readonly kind: string; readonly name: string };
}

/** To be called in `beforeAll`; the operator is stopped after the file's tests. */
export async function operatorScene(
  cluster: TestCluster,
  prefix: string,
  options: Partial<OperatorProcessOptions> = {},
) {
  const on = await scene(cluster, prefix);
  const { api, namespace } = on;
  const operator = await startOperatorProcess({
    kubeconfigFile: cluster.kubeconfigFile,
    namespace,
    watchNamespaces: [namespace],
    ...options,
  });
  return {
    ...on,
    operator,
    replicas: async (name: string) => (await on.deployment(name)).spec.replicas,
    /** As `kubectl scale` does it. */
    scale: (name: string, replicas: number) =>
      api.mergePatch(resourceTypes.deployment, namespace, name, { spec: { replicas } }, { subresource: 'scale' }),
    condition: async (loop: string, type: string) => conditionIn((await on.closedLoop(loop)).status, type),
    lastDecision: async (loop: string) => (await on.closedLoop(loop)).status?.lastDecision,
    /** Differs after every write. */
    async stored(loop: string) {
      const { metadata, status } = await on.closedLoop(loop);
      return { resourceVersion: metadata.resourceVersion, status };
    },
    /** Of one object; a series counts once. */
    async events(name: string, wanted: string) {
      const { items } = await api.list<EventObject>(resourceTypes.event, { namespace });
      return items
        .filter(({ regarding, reason }) => regarding.name === name && reason === wanted)
        .map(({ type, note }) => ({ type, note }));
    },
    /** Ticks of all loops of one interval that have started. */
    ticks: () => operator.metric('duoloop_tick_lateness_seconds_count'),
    /** Waits until that many further ticks have started. */
    async passTicks(count: number) {
      const until = (await operator.metric('duoloop_tick_lateness_seconds_count')) + count;
      while ((await operator.metric('duoloop_tick_lateness_seconds_count')) < until) await delay(50);
    },
  };
}

/** Stops operators after the tests of a file. */
export function stoppedAfterwards(operators: readonly OperatorProcess[]): void {
  afterAll(async () => {
    await Promise.all(operators.map((operator) => operator.stop()));
  });
}

/** How `expect.poll` waits. */
export const within = (seconds: number) => ({ timeout: seconds * 1000, interval: 50 });
