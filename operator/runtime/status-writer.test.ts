import { Registry } from 'prom-client';
import { describe, expect, test } from 'vitest';
import { type KubernetesApi, KubernetesError, resourceTypes } from '../../env/cluster/kubernetes-api.ts';
import { createMemoryKubernetes } from '../../env/cluster/memory-kubernetes.fixture.ts';
import type { CustomResource } from '../../policies/resources/resource.ts';
import { createStatusWriter } from './status-writer.ts';

type Status = { readonly replicas?: number; readonly names?: readonly string[]; readonly nested?: object };
type Group = CustomResource<object, Status>;
const type = resourceTypes.scalingGroup;

async function scene(options: { mayAct?: () => boolean; around?: (api: KubernetesApi) => KubernetesApi } = {}) {
  const { api, calls } = createMemoryKubernetes().connect();
  const object = await api.create<Group>(type, 'shop', { metadata: { name: 'g' }, spec: {} });
  const read = () => api.get<Group>(type, 'shop', 'g');
  const context = {
    api: options.around?.(api) ?? api,
    metrics: new Registry(),
    mayAct: options.mayAct ?? (() => true),
  };
  const writer = createStatusWriter<Status>({ type, context });
  const applies = () => calls.filter((call) => call.startsWith('apply')).length;
  return { api, object, read, writer, applies, context };
}

describe('a status', () => {
  test('is written when it says something new, and only then', async () => {
    const { object, read, writer, applies } = await scene();
    expect(await writer.write(object, { replicas: 1, nested: { a: 1, b: undefined } })).toBe('written');
    // The cache still shows the object without a status.
    expect(await writer.write(object, { nested: { a: 1 }, replicas: 1 })).toBe('unchanged');
    const stored = await read();
    expect(stored.status).toEqual({ replicas: 1, nested: { a: 1 } });
    expect(await writer.write(stored, { replicas: 1, nested: { a: 1 } })).toBe('unchanged');
    expect(await writer.write(stored, { replicas: 2, nested: { a: 1 } })).toBe('written');
    expect(applies()).toBe(2);
  });

  test('that a process before us wrote is not written again', async () => {
    const { api, object, read, context, applies } = await scene();
    await api.apply(type, { ...object, status: { replicas: 3, names: ['a'] } }, { fieldManager: 'x' });
    const writer = createStatusWriter<Status>({ type, context });
    expect(await writer.write(await read(), { names: ['a'], replicas: 3 })).toBe('unchanged');
    expect(applies()).toBe(1);
  });

  test('that somebody else changed is set right; what others added beside it is left alone', async () => {
    const { api, object, read, writer } = await scene();
    const ours = { replicas: 1, names: ['a', 'b'] };
    await writer.write(object, ours);
    await api.mergePatch(type, 'shop', 'g', { status: { nested: { of: 'another' } } });
    expect(await writer.write(await read(), ours)).toBe('unchanged');
    await api.mergePatch(type, 'shop', 'g', { status: { names: ['a', 'c'] } });
    expect(await writer.write(await read(), ours)).toBe('written');
    expect((await read()).status).toMatchObject(ours);
  });

  test('does not end on another object of the same name, nor bring a deleted one back', async () => {
    const { api, object, read, writer } = await scene();
    await api.delete(type, 'shop', 'g');
    expect(await writer.write(object, { replicas: 1 })).toBe('gone');
    await api.create(type, 'shop', { metadata: { name: 'g' }, spec: {} });
    expect(await writer.write(object, { replicas: 1 })).toBe('gone');
    expect((await read()).status).toBeUndefined();
  });

  test('is not written by one who does not lead', async () => {
    const { object, writer, applies } = await scene({ mayAct: () => false });
    expect(await writer.write(object, { replicas: 1 })).toBe('not leader');
    expect(applies()).toBe(0);
  });

  test('is tried again on a conflict, and counts as unwritten after another failure', async () => {
    const failures = [409, 500];
    const { object, read, writer, context } = await scene({
      around: (api) => ({
        ...api,
        async apply(...args) {
          const status = failures.shift();
          if (status !== undefined) throw new KubernetesError(status, 'Conflict', 'the object has been modified');
          return api.apply(...args);
        },
      }),
    });
    await expect(writer.write(object, { replicas: 1 })).rejects.toMatchObject({ status: 500 });
    expect(await writer.write(object, { replicas: 1 })).toBe('written');
    expect((await read()).status).toEqual({ replicas: 1 });
    expect(await context.metrics.metrics()).toContain(
      'duoloop_status_writes_total{kind="ScalingGroup",outcome="failed"} 1',
    );
  });
});
