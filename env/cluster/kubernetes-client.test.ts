/** What never leaves the process; kubernetes-client.cluster.test.ts talks to a real API server. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { connectKubernetes } from './kubernetes-client.ts';

let folder: string;
let server: Server;
const asked: (string | undefined)[] = [];
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'duoloop-client-'));
  server = createServer((request, response) => {
    asked.push(request.url);
    response.end(JSON.stringify({ resources: [{ name: 'secrets', kind: 'Secret', namespaced: true }] }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});
afterAll(async () => {
  server.closeAllConnections();
  server.close();
  await rm(folder, { recursive: true });
});

async function connect(address: string) {
  const file = join(folder, 'config.json');
  await writeFile(
    file,
    JSON.stringify({
      'current-context': 'c',
      clusters: [{ name: 'c', cluster: { server: address } }],
      users: [{ name: 'c', user: { token: 'secret' } }],
      contexts: [{ name: 'c', context: { cluster: 'c', user: 'c' } }],
    }),
  );
  return connectKubernetes({ kubeconfigFiles: [file] });
}

test('a reference leads no request out of its group and namespace', async () => {
  const api = await connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  for (const apiVersion of [
    'apps/v1/../../../api/v1',
    '../api/v1',
    'apps/v1?x=',
    'apps/v1#',
    'apps/v1/namespaces/victim/deployments/web/scale',
    'apps/v1%2F..',
    '//elsewhere/v1',
    '',
  ]) {
    await expect(api.typeOf(apiVersion, 'Secret'), apiVersion).rejects.toMatchObject({ status: 400 });
  }
  expect(asked).toEqual([]);
  const type = await api.typeOf('example.com/v1beta1', 'Secret');
  await api.get(type, 'shop/../victim', '../web?x#y', { subresource: 'scale' });
  expect(asked.at(-1)).toBe('/apis/example.com/v1beta1/namespaces/shop%2F..%2Fvictim/secrets/..%2Fweb%3Fx%23y/scale');
});

test('credentials are not sent in the clear, but to this very machine', async () => {
  await expect(connect('http://10.0.0.1:8080')).rejects.toMatchObject({ code: 'KUBECONFIG_INSECURE' });
  await expect(connect('http://localhost.attacker.example')).rejects.toMatchObject({ code: 'KUBECONFIG_INSECURE' });
  await expect(connect('http://127.0.0.1.attacker.example')).rejects.toMatchObject({ code: 'KUBECONFIG_INSECURE' });
  await expect(connect('http://localhost:8080')).resolves.toBeDefined();
});
