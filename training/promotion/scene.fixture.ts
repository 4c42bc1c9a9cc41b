/** A DeliberativeLoop with a policy in a ConfigMap, on an API server in memory, with an agent that reports what it is told to. */
import { resourceTypes } from '../../env/cluster/kubernetes-api.ts';
import { createMemoryKubernetes } from '../../env/cluster/memory-kubernetes.fixture.ts';
import type { Checkpoint } from '../../policies/actor-critic/checkpoint.ts';
import type { DeliberativeLoop } from '../../policies/resources/deliberative-loop.ts';
import { type ConfigMap, checkpointOfConfigMap, writeCheckpointConfigMap } from '../export/config-map.ts';
import type { PromotionOptions } from './promote.ts';
import { parseRecord, recordAnnotation } from './record.ts';
import { shaOf } from './tiny-checkpoint.fixture.ts';

const namespace = 'shop';
const name = 'policy';
export const criteria = {
  canarySeconds: 600,
  watchSeconds: 1200,
  minDecisions: 10,
  maxAbstentionShare: 0.05,
  bandWidth: 3,
};

/** @param incumbent in force at first; undefined when there is none */
export async function promotionScene(incumbent: Checkpoint | undefined, { pin = false, mode = 'Bounded' } = {}) {
  const memory = createMemoryKubernetes();
  const { api } = memory.connect();
  const time = { second: 1_000_000 };
  if (incumbent) await writeCheckpointConfigMap(api, incumbent, { namespace, name, fieldManager: 'test' });
  await api.create(resourceTypes.deliberativeLoop, namespace, {
    metadata: { name: 'tuner' },
    spec: {
      closedLoops: { names: ['web', 'db'] },
      policy: { checkpoint: { configMap: { name }, ...(pin && incumbent && { sha256: shaOf(incumbent) }) } },
      mode,
    },
  });
  const loop = () => api.get<DeliberativeLoop>(resourceTypes.deliberativeLoop, namespace, 'tuner');
  const inForce = async () => {
    const object = await api.get<ConfigMap>(resourceTypes.configMap, namespace, name);
    const record = parseRecord(object.metadata.annotations?.[recordAnnotation], 'test');
    return { sha256: shaOf(await checkpointOfConfigMap(object)), record };
  };
  return {
    target: { namespace, name },
    api,
    time,
    loop,
    inForce,
    /** As the agent reports about what it is told to run; `mean` is the reward of the policy in force. */
    async report({ mean = -1, decisions = 50, abstentions = 0 } = {}) {
      const { spec } = await loop();
      const { sha256 } = await inForce();
      const canary = spec.policy.canary?.sha256;
      const since = new Date(0).toISOString();
      await api.mergePatch(resourceTypes.deliberativeLoop, namespace, 'tuner', {
        status: {
          reward: { sha256, decisions, mean, deviation: 0.5 },
          canary: canary === undefined ? null : { sha256: canary, since, decisions, abstentions },
        },
      });
    },
    options: (more: Partial<PromotionOptions> = {}): PromotionOptions => ({
      api,
      namespace,
      deliberativeLoop: 'tuner',
      now: () => time.second,
      candidate: undefined,
      abort: false,
      again: false,
      once: true,
      criteria,
      holdGate: async () => ({ passed: true, reason: 'it beats all', rivals: [] }),
      pollSeconds: 60,
      pause: async (milliseconds) => {
        time.second += milliseconds / 1000;
      },
      signal: new AbortController().signal,
      log: () => {},
      ...more,
    }),
  };
}
export type PromotionScene = Awaited<ReturnType<typeof promotionScene>>;
