import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { type KubernetesApi, type ResourceType, resourceTypes } from '../../env/cluster/kubernetes-api.ts';
import { connectKubernetes } from '../../env/cluster/kubernetes-client.ts';
import { describeCluster } from '../../test/cluster.ts';
import { command } from '../groups-command.ts';
import type { Manifest } from './group-manifests.ts';

const types: Readonly<Record<string, ResourceType>> = {
  ScalingGroup: resourceTypes.scalingGroup,
  ClosedLoop: resourceTypes.closedLoop,
  DeliberativeLoop: resourceTypes.deliberativeLoop,
};

describeCluster('what duoloop groups import writes', (cluster) => {
  let api: KubernetesApi;
  let namespace: string;
  let folder: string;
  beforeAll(async () => {
    api = await connectKubernetes({ kubeconfigFiles: [cluster.kubeconfigFile] });
    namespace = await cluster.namespace('groups');
    folder = await mkdtemp(join(tmpdir(), 'duoloop-groups-'));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  async function importAndCreate(options: object): Promise<Manifest[]> {
    const out = join(folder, 'out.yaml');
    const signal = new AbortController().signal;
    const context = { signal, print: () => {}, log: () => {}, commandLine: '' };
    await command.run(command.schema.parse({ action: 'import', namespace, out, ...options }), context);
    const documents = parseAllDocuments(await readFile(out, 'utf8'));
    const created: Manifest[] = [];
    for (const object of documents.map((document) => document.toJS() as Manifest)) {
      created.push(await api.create<Manifest>(types[object.kind], namespace, object));
    }
    return created;
  }

  test('is taken by the API server: groups of a file, driven at random', async () => {
    const file = join(folder, 'groups.txt');
    const longest = `${'w'.repeat(62)}.`.repeat(4).slice(0, 251);
    await writeFile(file, `webui,auth,db\r\n# alone\r\n${longest}\r\n`);
    const created = await importAndCreate({ file, ratio: ['webui=2'], actionInterval: '60', appName: 'teastore' });
    expect(created.map(({ kind }) => kind)).toEqual([
      ...['ScalingGroup', 'ScalingGroup', 'ClosedLoop', 'ClosedLoop', 'DeliberativeLoop'],
    ]);
    const [group] = created;
    expect(group.metadata).toMatchObject({ name: 'webui-group', labels: { app: 'teastore' } });
    expect(group.spec).toMatchObject({
      members: [
        { targetRef: { name: 'webui' }, ratio: 2 },
        { targetRef: { name: 'auth' }, ratio: 1 },
        { targetRef: { name: 'db' }, ratio: 1 },
      ],
    });
    expect(created[2].spec).toMatchObject({ targetRef: { kind: 'ScalingGroup', name: 'webui-group' } });
    expect(created[4].spec).toMatchObject({
      closedLoops: { names: created.slice(0, 2).map(({ metadata }) => metadata.name) },
      policy: { randomGroup: {} },
      mode: 'Autonomous',
      intervalSeconds: 60,
    });
  });

  test('is taken by the API server: a group by label', async () => {
    const [group] = await importAndCreate({ appName: 'teastore' });
    expect(group.metadata.name).toBe('teastore-group');
    expect(group.spec).toMatchObject({ memberSelector: { matchLabels: { app: 'teastore' } }, members: [] });
  });
});
