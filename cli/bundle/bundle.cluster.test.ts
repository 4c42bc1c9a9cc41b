/** What is in the image, on a real API server: that the bundler has left nothing out is seen only where it is used. */
import { mkdtemp, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Component, createComponent } from '../../env/lab/component.ts';
import { freePort } from '../../env/lab/loopback-ports.ts';
import { requestLoopback } from '../../env/lab/loopback-request.ts';
import { type OrphanGuard, startOrphanGuard } from '../../env/lab/orphan-guard.ts';
import { describeCluster } from '../../test/cluster.ts';
import { repositoryRoot } from '../repository-root.ts';
import { buildBundle, launcherName } from './bundle.ts';

const apiVersion = 'duoloop.dev/v1alpha1';
const deadline = { timeout: 20_000, interval: 100 };

describeCluster('the bundle', (cluster) => {
  let guard: OrphanGuard;
  let namespace: string;
  const components: Component[] = [];

  beforeAll(async () => {
    const folder = await mkdtemp(join(tmpdir(), 'duoloop-bundle-'));
    guard = startOrphanGuard(folder);
    const [shop] = await Promise.all([cluster.namespace('bundle'), buildBundle(join(folder, 'dist'))]);
    namespace = shop;
    const started = await Promise.all(
      (['operator', 'agent'] as const).map(async (verb) => {
        const port = await freePort();
        const place = verb === 'operator' ? ['--namespace', namespace, '--ingest-port', '0'] : [];
        const component = createComponent(
          {
            name: `bundled ${verb}`,
            binary: process.execPath,
            arguments: [
              ...[join(folder, 'dist', launcherName), verb, '--kubeconfig', cluster.kubeconfigFile],
              ...[
                '--watch-namespace',
                namespace,
                '--prometheus',
                'http://127.0.0.1:1',
                '--port',
                String(port),
                ...place,
              ],
            ],
            logFile: join(folder, `${verb}.log`),
            ready: async (signal) => void (await requestLoopback(`http://127.0.0.1:${port}/healthz`, { signal })),
          },
          guard,
        );
        await component.start();
        return component;
      }),
    );
    components.push(...started);
  });
  afterAll(async () => {
    await Promise.all(components.map((component) => component.stop()));
    await guard?.dismiss();
  });

  const path = (group: string, plural: string) => `/apis/${group}/namespaces/${namespace}/${plural}`;

  it('its operator scales a group', async () => {
    const labels = { app: 'web' };
    await cluster.api.create(path('apps/v1', 'deployments'), {
      metadata: { name: 'web' },
      spec: {
        replicas: 1,
        selector: { matchLabels: labels },
        template: { metadata: { labels }, spec: { containers: [{ name: 'web', image: 'none' }] } },
      },
    });
    await cluster.api.create(path(apiVersion, 'scalinggroups'), {
      apiVersion,
      kind: 'ScalingGroup',
      metadata: { name: 'web' },
      spec: { replicas: 3, members: [{ targetRef: { name: 'web' } }] },
    });
    const replicas = async () => {
      const deployment = await cluster.api.get<{ spec: { replicas: number } }>(`${path('apps/v1', 'deployments')}/web`);
      return deployment.spec.replicas;
    };
    await expect.poll(replicas, deadline).toBe(3);
  });

  it('its agent reads a shipped checkpoint, and says that Prometheus is missing', async () => {
    const checkpoint = join(repositoryRoot, 'policies/checkpoints/frontend');
    const document = await readFile(join(checkpoint, 'checkpoint.json'), 'utf8');
    const { weights, loop } = JSON.parse(document);
    await cluster.api.create(`/api/v1/namespaces/${namespace}/configmaps`, {
      metadata: { name: 'policy' },
      data: { 'checkpoint.json': document },
      binaryData: { 'weights.bin': (await readFile(join(checkpoint, 'weights.bin'))).toString('base64') },
    });
    await cluster.api.create(path(apiVersion, 'closedloops'), {
      apiVersion,
      kind: 'ClosedLoop',
      metadata: { name: 'web' },
      spec: {
        targetRef: { apiVersion, kind: 'ScalingGroup', name: 'web' },
        behavior: { maxReplicas: 10 },
        metrics: loop.metrics.map(({ name }: { name: string }, i: number) => ({
          name,
          rank: i + 1,
          source: { push: {} },
          thresholds: [{ kind: 'superior', value: 80, reaction: { horizontal: { by: 1 } } }],
        })),
      },
    });
    await cluster.api.create(path(apiVersion, 'deliberativeloops'), {
      apiVersion,
      kind: 'DeliberativeLoop',
      metadata: { name: 'web' },
      spec: {
        closedLoops: { names: ['web'] },
        policy: { checkpoint: { configMap: { name: 'policy' } } },
        intervalSeconds: 15,
      },
    });
    const status = async () => {
      const loops = `${path(apiVersion, 'deliberativeloops')}/web`;
      return (await cluster.api.get<{ status?: object }>(loops)).status;
    };
    await expect.poll(status, deadline).toMatchObject({
      policy: { sha256: weights.sha256 },
      conditions: expect.arrayContaining([
        expect.objectContaining({ type: 'Ready', status: 'False', reason: 'PrometheusUnreachable' }),
      ]),
    });
  });
});
