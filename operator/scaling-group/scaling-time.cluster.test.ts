import { expect, it } from 'vitest';
import { connectKubernetes } from '../../env/cluster/kubernetes-client.ts';
import { createLogger } from '../../env/service/logger.ts';
import { describeCluster } from '../../test/cluster.ts';
import { measureScalingTimes, type ScalingTimeOptions } from './scaling-time.ts';

describeCluster('the scaling-time experiment', (cluster) => {
  const options = async (changes: Partial<ScalingTimeOptions> = {}): Promise<ScalingTimeOptions> => ({
    api: await connectKubernetes({ kubeconfigFiles: [cluster.kubeconfigFile] }),
    logger: createLogger({ level: 'silent' }),
    sizes: [1, 5],
    repetitions: 2,
    modes: ['at once', 'one after another'],
    latencyMilliseconds: 50,
    image: 'app',
    timeoutSeconds: 30,
    signal: new AbortController().signal,
    ...changes,
  });
  const namespacesLeft = async () => {
    const { items } = await cluster.api.get<{
      items: { metadata: { name: string; deletionTimestamp?: string } }[];
    }>('/api/v1/namespaces');
    return items.filter(({ metadata }) => /^duoloop-experiment/.test(metadata.name) && !metadata.deletionTimestamp);
  };

  it('measures every size and mode, sees what latency does one after another, and cleans up', async () => {
    const samples = await measureScalingTimes(await options());
    expect(samples).toHaveLength(8);
    for (const { patchedMilliseconds, readyMilliseconds, members, mode } of samples) {
      expect(readyMilliseconds).toBeGreaterThanOrEqual(patchedMilliseconds);
      // A round trip for each member, or one for all.
      expect(patchedMilliseconds).toBeGreaterThan(mode === 'at once' ? 50 : 50 * members);
    }
    expect(await namespacesLeft()).toEqual([]);
  });

  it('cleans up when it is interrupted', async () => {
    const ending = new AbortController();
    const measuring = measureScalingTimes(
      await options({
        repetitions: 100,
        signal: ending.signal,
        onSample: () => ending.abort(new Error('interrupted')),
      }),
    );
    await expect(measuring).rejects.toThrow();
    expect(await namespacesLeft()).toEqual([]);
  });
});
