import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createCertificateAuthority } from '../../env/lab/certificates.ts';
import { createPushStore } from '../closed-loop/sources/push-source.ts';
import { createIngestServer } from './ingest-server.ts';
import { createIngestMetrics } from './metrics.ts';

let folder: string;
let stopping: AbortController;
let running: Promise<void> | undefined;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'duoloop-ingest-'));
  stopping = new AbortController();
});
afterEach(async () => {
  stopping.abort();
  await running?.catch(() => {});
  await rm(folder, { recursive: true });
});

function start(port = 0, tls?: { certFile: string; keyFile: string }) {
  const server = createIngestServer({
    host: '127.0.0.1',
    port,
    ...(tls === undefined ? {} : { tls, certificateCheckSeconds: 0.05 }),
    admission: { admit: async () => undefined },
    store: createPushStore({ maxLoops: 1 }),
    loopExists: () => true,
    isLeader: () => true,
    forwarder: { forward: async () => undefined },
    now: () => Date.now() / 1000,
    metrics: createIngestMetrics(new Registry()),
    logger: pino({ level: 'silent' }),
  });
  running = server.run(stopping.signal);
  return server;
}

test('a certificate that is replaced is served to connections to come', async () => {
  const authority = await createCertificateAuthority('test');
  const files = { certFile: join(folder, 'tls.crt'), keyFile: join(folder, 'tls.key') };
  const issue = async (commonName: string) => {
    const { certificatePem, privateKeyPem } = await authority.issue({ commonName, hosts: ['127.0.0.1'] });
    await writeFile(files.keyFile, privateKeyPem);
    await writeFile(files.certFile, certificatePem);
  };
  await issue('first');
  const url = new URL(await start(0, files).listening);
  expect(url.protocol).toBe('https:');
  const served = () =>
    new Promise<string>((resolve, reject) => {
      const socket = connect({ host: url.hostname, port: Number(url.port), ca: authority.certificatePem }, () => {
        resolve(String(socket.getPeerCertificate().subject.CN));
        socket.destroy();
      });
      socket.once('error', reject);
    });
  expect(await served()).toBe('first');
  await issue('second');
  await expect.poll(served, { timeout: 5000 }).toBe('second');
});

test('what the user can mend is said', async () => {
  const url = new URL(await start().listening);
  const taken = listenOn(Number(url.port));
  await expect(taken).rejects.toMatchObject({ code: 'ingest.port', message: expect.stringContaining('--ingest-port') });
  const absent = start(0, { certFile: join(folder, 'absent'), keyFile: join(folder, 'absent') });
  await expect(absent.listening).rejects.toMatchObject({
    code: 'ingest.tls',
    message: expect.stringContaining('--tls-cert'),
  });
});

async function listenOn(port: number): Promise<string> {
  const first = running;
  const second = start(port);
  await running?.catch(() => {});
  running = first;
  return second.listening;
}
