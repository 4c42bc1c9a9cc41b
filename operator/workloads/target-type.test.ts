import { expect, test } from 'vitest';
import { targetTypeOf } from './target-type.ts';

const api = (namespaced: boolean) => ({
  typeOf: async (apiVersion: string, kind: string) => ({ apiVersion, kind, plural: 'things', namespaced }),
});

test('a kind of the whole cluster is no target of somebody who writes in one namespace', async () => {
  const ref = { apiVersion: 'example.com/v1', kind: 'Fleet' };
  await expect(targetTypeOf(api(false), ref)).rejects.toMatchObject({
    status: 422,
    message: expect.stringContaining('whole cluster'),
  });
  await expect(targetTypeOf(api(true), ref)).resolves.toMatchObject({ kind: 'Fleet' });
});
