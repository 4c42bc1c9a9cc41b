import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { connectPrometheus } from './connect-prometheus.ts';

async function emptyFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'duoloop-token-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  return folder;
}

test('a token that is renewed in its file is the one that the next query brings', async () => {
  const brought: (string | undefined)[] = [];
  const server = createServer((request, response) => {
    brought.push(request.headers.authorization);
    response.setHeader('Content-Type', 'application/json');
    response.end(JSON.stringify({ status: 'success', data: { version: '3.1.0' } }));
  }).listen(0, '127.0.0.1');
  onTestFinished(() => void server.close());
  await new Promise((resolve) => server.once('listening', resolve));
  const tokenFile = join(await emptyFolder(), 'token');
  await writeFile(tokenFile, 'first\n');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const client = await connectPrometheus({ url, tokenFile });
  await client.version();
  await writeFile(tokenFile, 'second\n');
  await client.version();
  expect(brought).toEqual(['Bearer first', 'Bearer second']);
});

test('a file that cannot be read is told before anything is asked', async () => {
  const tokenFile = join(await emptyFolder(), 'none');
  await expect(connectPrometheus({ url: 'http://127.0.0.1:1', tokenFile })).rejects.toMatchObject({
    name: 'UserError',
    message: expect.stringContaining(`--prometheus-token-file ${tokenFile}: ENOENT`),
  });
});
