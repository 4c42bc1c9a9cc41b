/** What has to happen in a cluster for others to have the series that alerts ask for. */
import { type LabApi, until } from '../../env/lab/lab-api.ts';
import type { TestCluster } from '../../test/cluster.ts';
import { kubectl } from '../../test/installation/chart.fixture.ts';

/** A Job that failed, one that completed, and a CronJob that was successful; nobody runs any of them. */
export async function createEndedJobs({ api, kubeconfigFile }: TestCluster, namespace: string): Promise<void> {
  const containers = [{ name: 'train', image: 'none' }];
  const template = { spec: { restartPolicy: 'Never', containers } };
  const now = '2026-01-05T03:00:00Z';
  const ended = (...types: string[]) =>
    types.map((type) => ({ type, status: 'True', lastTransitionTime: now, lastProbeTime: now }));
  const jobs = {
    'duoloop-train': { startTime: now, failed: 1, conditions: ended('FailureTarget', 'Failed') },
    'duoloop-retrain-1': {
      startTime: now,
      completionTime: now,
      succeeded: 1,
      conditions: ended('SuccessCriteriaMet', 'Complete'),
    },
  };
  const patch = (kind: string, name: string, status: object) =>
    kubectl(
      kubeconfigFile,
      ...['--namespace', namespace, 'patch', kind, name, '--subresource=status', '--type=merge'],
      ...['--patch', JSON.stringify({ status })],
    );
  for (const [name, status] of Object.entries(jobs)) {
    const spec = { managedBy: 'example.com/nobody', template };
    const job = { apiVersion: 'batch/v1', kind: 'Job', metadata: { name }, spec };
    await api.create(`/apis/batch/v1/namespaces/${namespace}/jobs`, job);
    await patch('job', name, status);
  }
  const spec = { schedule: '0 3 * * 1', suspend: true, jobTemplate: { spec: { template } } };
  const cronJob = { apiVersion: 'batch/v1', kind: 'CronJob', metadata: { name: 'duoloop-retrain' }, spec };
  await api.create(`/apis/batch/v1/namespaces/${namespace}/cronjobs`, cronJob);
  await patch('cronjob', 'duoloop-retrain', { lastScheduleTime: now, lastSuccessfulTime: now });
}

/** A webhook of the operator's name that nobody answers, for one namespace, and a write there. */
export async function failOpen(api: LabApi, namespace: string): Promise<void> {
  const path = '/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations';
  await api.create(path, {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'ValidatingWebhookConfiguration',
    metadata: { name: namespace },
    webhooks: [
      {
        name: 'checks.duoloop.dev',
        clientConfig: { url: 'https://127.0.0.1:1/nobody' },
        rules: [{ apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['configmaps'] }],
        namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': namespace } },
        failurePolicy: 'Ignore',
        sideEffects: 'None',
        admissionReviewVersions: ['v1'],
        timeoutSeconds: 1,
      },
    ],
  });
  try {
    let written = 0;
    const configMaps = `/api/v1/namespaces/${namespace}/configmaps`;
    // The API server learns of a webhook a moment later.
    await until('some writes', 10, async () => {
      const name = `written-${written++}`;
      await api.create(configMaps, { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name } });
      return written === 40;
    });
  } finally {
    await api.delete(`${path}/${namespace}`);
  }
}
