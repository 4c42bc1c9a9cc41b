/** What a migration writes is what a real API server takes; autoscalers are read from one. */
import { beforeAll, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { type KubernetesApi, resourceTypes } from '../env/cluster/kubernetes-api.ts';
import { connectKubernetes } from '../env/cluster/kubernetes-client.ts';
import { describeCluster } from '../test/cluster.ts';
import { command } from './migrate-command.ts';

const hpa = (name: string, spec: object) => ({
  apiVersion: 'autoscaling/v2',
  kind: 'HorizontalPodAutoscaler',
  metadata: { name },
  spec: { scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name }, maxReplicas: 10, ...spec },
});

describeCluster('duoloop migrate', (cluster) => {
  let api: KubernetesApi;
  beforeAll(async () => {
    api = await connectKubernetes({ kubeconfigFiles: [cluster.kubeconfigFile], userAgent: 'test' });
  });

  async function migrate(options: object) {
    const printed: string[] = [];
    const logged: string[] = [];
    const context = {
      signal: new AbortController().signal,
      print: (line: string) => void printed.push(line),
      log: (line: string) => void logged.push(line),
      commandLine: 'duoloop migrate',
    };
    const exitCode = await command.run(
      command.schema.parse({ kubeconfig: cluster.kubeconfigFile, ...options }),
      context,
    );
    return { exitCode, yaml: printed.join('\n'), logged };
  }

  it('reads a namespace, and writes closed loops that can be applied beside it', async () => {
    const namespace = await cluster.namespace('migrate');
    const pods = {
      type: 'Pods',
      pods: { metric: { name: 'rps' }, target: { type: 'AverageValue', averageValue: '100' } },
    };
    const behavior = { scaleDown: { policies: [{ type: 'Percent', value: 10, periodSeconds: 60 }] } };
    // As the API server stores them, defaults and all.
    await api.create(resourceTypes.horizontalPodAutoscaler, namespace, hpa('plain', {}));
    await api.create(resourceTypes.horizontalPodAutoscaler, namespace, hpa('two', { metrics: [pods, pods], behavior }));
    const { exitCode, yaml, logged } = await migrate({ namespace });
    expect(exitCode).toBe(0);
    const documents = parseAllDocuments(yaml).map((document) => document.toJS());
    expect(documents.map(({ metadata }) => metadata.name)).toEqual(['plain', 'two']);
    for (const document of documents) {
      const options = { fieldManager: 'kubectl', dryRun: true };
      const stored = await api.apply<typeof document>(resourceTypes.closedLoop, document, options);
      expect(stored).toMatchObject(document);
    }
    expect(logged.filter((line) => line.includes('NOT THE SAME')).length).toBeGreaterThan(0);
    await expect(migrate({ namespace: 'nothing-here' })).rejects.toThrow(
      /no HorizontalPodAutoscaler and no ScaledObject in namespace nothing-here/,
    );
  });
});
