/** What a KubernetesApi promises, whether a server or memory answers. */
import { expect, test } from 'vitest';
import { type KubernetesApi, resourceTypes, type WatchEvent } from './kubernetes-api.ts';

interface ConfigMap {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace: string; readonly resourceVersion: string };
  readonly data?: Readonly<Record<string, string>>;
}

const type = resourceTypes.configMap;
const identity = { apiVersion: 'v1', kind: 'ConfigMap' };

/** @param makeNamespace an empty one at each call */
export function kubernetesApiContract(api: () => KubernetesApi, makeNamespace: () => Promise<string>): void {
  const configMap = (name: string, namespace: string, data = {}) => ({
    ...identity,
    metadata: { name, namespace },
    data,
  });

  test('what was written is read, with its type', async () => {
    const namespace = await makeNamespace();
    const made = await api().create<ConfigMap>(type, namespace, { metadata: { name: 'a' }, data: { x: 'é' } });
    expect(made).toMatchObject(configMap('a', namespace, { x: 'é' }));
    expect(await api().get(type, namespace, 'a')).toEqual(made);
    const { items, resourceVersion } = await api().list<ConfigMap>(type, { namespace });
    expect(items).toEqual([made]);
    expect(Number(resourceVersion)).toBeGreaterThanOrEqual(Number(made.metadata.resourceVersion));
    await api().delete(type, namespace, 'a');
    await expect(api().get(type, namespace, 'a')).rejects.toMatchObject({ status: 404, reason: 'NotFound' });
    await expect(api().delete(type, namespace, 'a')).rejects.toMatchObject({ status: 404 });
  });

  test('a name is given once, and a version is replaced once', async () => {
    const namespace = await makeNamespace();
    const first = await api().create<ConfigMap>(type, namespace, configMap('a', namespace));
    const again = api().create(type, namespace, configMap('a', namespace));
    await expect(again).rejects.toMatchObject({ status: 409, reason: 'AlreadyExists' });
    await api().replace(type, { ...first, data: { x: '1' } });
    const stale = api().replace(type, { ...first, data: { x: '2' } });
    await expect(stale).rejects.toMatchObject({ status: 409, reason: 'Conflict', retryable: true });
    const { resourceVersion } = first.metadata;
    const stalePatch = api().mergePatch(type, namespace, 'a', { metadata: { resourceVersion }, data: { x: '3' } });
    await expect(stalePatch).rejects.toMatchObject({ status: 409 });
    await api().mergePatch(type, namespace, 'a', { data: { x: null, y: '4' } });
    expect((await api().get<ConfigMap>(type, namespace, 'a')).data).toEqual({ y: '4' });
  });

  test('a JSON patch is carried out when its tests hold, whatever else was written since', async () => {
    const namespace = await makeNamespace();
    await api().create(type, namespace, configMap('a', namespace, { x: '1' }));
    await api().mergePatch(type, namespace, 'a', { data: { y: '1' } });
    const from = (value: string) => [
      { op: 'test', path: '/data/x', value } as const,
      { op: 'replace', path: '/data/x', value: '2' } as const,
    ];
    expect(await api().jsonPatch(type, namespace, 'a', from('1'))).toMatchObject({ data: { x: '2', y: '1' } });
    await expect(api().jsonPatch(type, namespace, 'a', from('1'))).rejects.toMatchObject({ status: 422 });
    expect((await api().get<ConfigMap>(type, namespace, 'a')).data).toEqual({ x: '2', y: '1' });
  });

  test('apply makes and merges; with another uid or an old version it touches nothing', async () => {
    const namespace = await makeNamespace();
    const options = { fieldManager: 'contract' };
    const made = await api().apply<ConfigMap>(type, configMap('a', namespace, { x: '1' }), options);
    await api().mergePatch(type, namespace, 'a', { data: { y: '1' } });
    const applied = await api().apply<ConfigMap>(type, configMap('a', namespace, { x: '2' }), options);
    expect(applied.data).toEqual({ x: '2', y: '1' });
    const { resourceVersion } = made.metadata;
    for (const precondition of [{ uid: '00000000-0000-0000-0000-000000000000' }, { resourceVersion }]) {
      const other = { ...configMap('a', namespace), metadata: { name: 'a', namespace, ...precondition } };
      const status = 'uid' in precondition ? 422 : 409;
      await expect(api().apply(type, other, options)).rejects.toMatchObject({ status });
    }
    expect(await api().get(type, namespace, 'a')).toEqual(applied);
  });

  test('a watch tells what happened since a version and what happens, until it is aborted', async () => {
    const namespace = await makeNamespace();
    const { resourceVersion } = await api().list(type, { namespace });
    await api().create(type, namespace, configMap('a', namespace));
    const ending = new AbortController();
    const seen: string[] = [];
    const onEvent = ({ type: kind, object }: WatchEvent<ConfigMap>) => {
      if (kind === 'BOOKMARK') return;
      seen.push(`${kind} ${object.metadata.name}`);
      if (kind === 'DELETED') ending.abort();
    };
    const options = { namespace, resourceVersion, signal: ending.signal };
    const watching = api().watch<ConfigMap>(type, options, onEvent);
    await api().mergePatch(type, namespace, 'a', { data: { x: '1' } });
    await api().delete(type, namespace, 'a');
    await watching;
    expect(seen).toEqual(['ADDED a', 'MODIFIED a', 'DELETED a']);
  });

  test('an unknown kind is not found', async () => {
    await expect(api().typeOf('nobody.example/v1', 'Nothing')).rejects.toMatchObject({ status: 404 });
  });
}
