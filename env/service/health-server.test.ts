import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Counter, Registry } from 'prom-client';
import { expect, onTestFinished, test } from 'vitest';
import { createHealthServer, type HealthServerOptions } from './health-server.ts';
import { createLogger } from './logger.ts';

async function start(options: Partial<HealthServerOptions> = {}) {
  const server = createHealthServer({
    port: 0,
    metrics: new Registry(),
    logger: createLogger({ level: 'silent' }),
    ...options,
  });
  const ending = new AbortController();
  const running = server.run(ending.signal);
  onTestFinished(async () => {
    ending.abort();
    await running;
  });
  const address = await server.listening;
  const get = async (path: string) => {
    const answer = await fetch(address + path);
    return { status: answer.status, type: answer.headers.get('content-type'), text: await answer.text() };
  };
  return { get, address, running, stop: () => ending.abort() };
}

test('readiness says what is not ready, and changes; liveness is another question', async () => {
  let problem: string | undefined = 'ClosedLoops not listed yet';
  const { get } = await start({ ready: { caches: () => problem, webhook: () => undefined } });
  expect(await get('/readyz')).toMatchObject({
    status: 503,
    text: '{"caches":"ClosedLoops not listed yet","webhook":"ok"}',
  });
  expect((await get('/healthz')).status).toBe(200);
  problem = undefined;
  expect((await get('/readyz')).status).toBe(200);
});

test('metrics are ours and the process’s, in the text format', async () => {
  const metrics = new Registry();
  new Counter({ name: 'duoloop_test_total', help: 'test', registers: [metrics] }).inc(3);
  const { get } = await start({ metrics });
  const { text, type } = await get('/metrics');
  expect(type).toBe('text/plain; version=0.0.4; charset=utf-8');
  expect(text).toContain('duoloop_test_total 3');
  expect(text).toContain('nodejs_eventloop_lag_seconds');
  expect(text).toContain('process_resident_memory_bytes');
});

test('stops although a scraper keeps its connection', async () => {
  const { get, running, stop, address } = await start();
  await get('/metrics');
  stop();
  await running;
  await expect(fetch(`${address}/metrics`)).rejects.toThrow();
});

test('a port that is taken is the user’s to mend', async () => {
  const other = createServer().listen(0, '127.0.0.1');
  onTestFinished(() => void other.close());
  await new Promise((resolve) => other.once('listening', resolve));
  const { port } = other.address() as AddressInfo;
  const server = createHealthServer({ port, metrics: new Registry(), logger: createLogger({ level: 'silent' }) });
  await expect(server.run(new AbortController().signal)).rejects.toThrow(/choose another --port/);
  await expect(server.listening).rejects.toThrow(/EADDRINUSE/);
});
