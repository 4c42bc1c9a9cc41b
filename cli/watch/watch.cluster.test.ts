/** `duoloop watch` as a viewer of one namespace, against a real API server that goes away and comes back. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeAll, expect, it } from 'vitest';
import { type KubernetesApi, resourceTypes } from '../../env/cluster/kubernetes-api.ts';
import { connectKubernetes } from '../../env/cluster/kubernetes-client.ts';
import type { CommandContext } from '../../env/command.ts';
import { until } from '../../env/lab/lab-api.ts';
import { startRelay } from '../../operator/runtime/relay.fixture.ts';
import { describeCluster } from '../../test/cluster.ts';
import type { WatchView } from './view.ts';
import { closedLoop, decision, deliberativeLoop } from './watch.fixture.ts';
import { command } from './watch-command.ts';

const stops: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  await Promise.all(stops.splice(0).map((stop) => stop()));
});

/** The verb as typed; it ends after the test. */
function runWatch(input: Record<string, unknown>): string[] {
  const printed: string[] = [];
  const stop = new AbortController();
  const context: CommandContext = {
    signal: stop.signal,
    print: (line) => void printed.push(line),
    log: () => {},
    commandLine: 'duoloop watch',
  };
  const running = command.run(command.schema.parse({ interval: '1', ...input }), context);
  stops.push(() => {
    stop.abort();
    return running;
  });
  return printed;
}

describeCluster('duoloop watch', (cluster) => {
  let admin: KubernetesApi;
  let namespace: string;
  /** May read our resources in the namespace, and nothing else. */
  let viewerToken: string;

  beforeAll(async () => {
    admin = await connectKubernetes({ kubeconfigFiles: [cluster.kubeconfigFile] });
    namespace = await cluster.namespace('watch');
    const path = `/apis/rbac.authorization.k8s.io/v1/namespaces/${namespace}`;
    const api = 'rbac.authorization.k8s.io/v1';
    await cluster.api.create(`${path}/roles`, {
      apiVersion: api,
      kind: 'Role',
      metadata: { name: 'viewer' },
      rules: [{ apiGroups: ['duoloop.dev'], resources: ['*'], verbs: ['get', 'list', 'watch'] }],
    });
    await cluster.api.create(`${path}/rolebindings`, {
      apiVersion: api,
      kind: 'RoleBinding',
      metadata: { name: 'viewer' },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'viewer' },
      subjects: [{ kind: 'ServiceAccount', name: 'default', namespace }],
    });
    const request = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: {} };
    const accounts = `/api/v1/namespaces/${namespace}/serviceaccounts`;
    const answer = await cluster.api.create<{ status: { token: string } }>(`${accounts}/default/token`, request);
    viewerToken = answer.status.token;
    const { spec, status } = closedLoop('web', { namespace });
    await admin.create(resourceTypes.closedLoop, namespace, {
      ...closedLoop('web', { namespace }),
      metadata: { name: 'web' },
      spec,
    });
    await admin.mergePatch(resourceTypes.closedLoop, namespace, 'web', { status }, { subresource: 'status' });
    const tuner = deliberativeLoop('tuner');
    await admin.create(resourceTypes.deliberativeLoop, namespace, { ...tuner, metadata: { name: 'tuner' } });
    await admin.mergePatch(
      resourceTypes.deliberativeLoop,
      namespace,
      'tuner',
      { status: tuner.status },
      { subresource: 'status' },
    );
  });

  async function viewerKubeconfig(): Promise<string> {
    const folder = await mkdtemp(join(tmpdir(), 'duoloop-watch-'));
    stops.push(() => rm(folder, { recursive: true }));
    const file = join(folder, 'kubeconfig');
    const content = {
      'current-context': 'viewer',
      clusters: [{ name: 'lab', cluster: { server: cluster.server, 'certificate-authority': cluster.caFile } }],
      users: [{ name: 'viewer', user: { token: viewerToken } }],
      contexts: [{ name: 'viewer', context: { cluster: 'lab', user: 'viewer' } }],
    };
    await writeFile(file, JSON.stringify(content));
    return file;
  }

  it('shows a viewer what it may read, and names what it may not', async () => {
    const kubeconfig = await viewerKubeconfig();
    const lines = runWatch({ json: true, namespace: [namespace], kubeconfig });
    await until('a view', 20, async () => lines.length > 0);
    const view = JSON.parse(lines[0]) as WatchView;
    expect(view.closedLoops[0]).toMatchObject({
      key: `${namespace}/web`,
      // Of the loop's status: Deployments are not this viewer's to read.
      size: { desired: 6 },
      decisions: [{ text: 'High cpu → React to cpu, 4 → 6' }, {}],
      proposals: [{ by: 'tuner', setPoint: 6, confidence: 0.83, hpaWouldBe: 8 }],
    });
    expect(view.sources.map(({ name, state, message }) => [name, state, message])).toEqual([
      [cluster.server, 'ok', ''],
      ...['deployments', 'statefulsets'].map((kind) => [
        `${kind} in ${namespace}`,
        'refused',
        `you may not list and watch ${kind} in namespace ${namespace}: ask for a role that may`,
      ]),
    ]);
  });

  it('tells a viewer of one namespace who asks for all to name it', async () => {
    const lines = runWatch({ text: true, kubeconfig: await viewerKubeconfig() });
    await until('what is refused', 20, async () => lines.length >= 6);
    expect(lines.join('\n')).toContain(
      'closedloops: you may not list and watch closedloops in all namespaces: ask for a role that may, or name the namespaces that you may read with --namespace',
    );
  });

  it('outlives the API server, and shows what happened meanwhile', async () => {
    const { server, caFile } = cluster;
    const relay = await startRelay({ server, caFile, adminToken: viewerToken });
    stops.push(() => relay.close());
    const printed = runWatch({ namespace: [namespace], kubeconfig: relay.kubeconfigFile });
    await until('its address', 20, async () => printed.length > 0);
    const address = /http:\S+/.exec(printed[0])?.[0] ?? '';
    const page = async () => (await fetch(`${address}/loops/${namespace}/web`)).text();
    await until('the decision', 20, async () => (await page()).includes('4 → 6'));
    await relay.cut();
    await until('the loss to be told', 30, async () => (await page()).includes('last seen <time'));
    expect(await page()).toContain('4 → 6');
    const status = { lastDecision: decision({ message: 'Low cpu', from: 6, to: 5 }), recentDecisions: [] };
    await admin.mergePatch(resourceTypes.closedLoop, namespace, 'web', { status }, { subresource: 'status' });
    await relay.restore();
    await until('what happened meanwhile', 30, async () => {
      const html = await page();
      return html.includes('Low cpu → React to cpu, 6 → 5') && !html.includes('last seen <time');
    });
  });
});
