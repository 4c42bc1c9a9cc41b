/** Reader, view and server together, on an API server in memory. */
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { resourceTypes } from '../../env/cluster/kubernetes-api.ts';
import { createMemoryKubernetes } from '../../env/cluster/memory-kubernetes.fixture.ts';
import { createClusterReader } from './cluster-reader.ts';
import { historyWindow } from './history.ts';
import { closedLoop, decision, deliberativeLoop, workload } from './watch.fixture.ts';
import { createWatch } from './watch.ts';
import { createWatchServer } from './watch-server.ts';

const stops: (() => Promise<void>)[] = [];
afterEach(async () => {
  await Promise.all(stops.splice(0).map((stop) => stop()));
});

async function startWatch() {
  const kubernetes = createMemoryKubernetes();
  const tenant = kubernetes.connect().api;
  await tenant.create(resourceTypes.closedLoop, 'shop', closedLoop('web'));
  await tenant.create(resourceTypes.deliberativeLoop, 'shop', deliberativeLoop('tuner'));
  await tenant.create(resourceTypes.deployment, 'shop', workload('web', 6, 4));
  const connection = kubernetes.connect();
  const now = () => Date.now() / 1000;
  const cluster = createClusterReader({ api: connection.api, namespaces: undefined, now, heartbeatSeconds: 0.05 });
  const watch = createWatch({ server: 'memory:', cluster, window: historyWindow(1800, 5), intervalSeconds: 0.05, now });
  const server = createWatchServer({ watch, host: '127.0.0.1', port: 0, allowedHosts: ['watch.example'] });
  const stop = new AbortController();
  const running = Promise.all([cluster.run(stop.signal), watch.run(stop.signal), server.run(stop.signal)]);
  stops.push(async () => {
    stop.abort();
    await running;
  });
  return { tenant, connection, address: await server.listening };
}

/** A browser as far as events go: `until` resolves with the first event whose text fits. */
async function openEvents(address: string, path = '/') {
  const controller = new AbortController();
  const response = await fetch(`${address}/events?path=${encodeURIComponent(path)}`, { signal: controller.signal });
  stops.push(async () => controller.abort());
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '';
  return {
    response,
    async until(pattern: RegExp): Promise<string> {
      for (;;) {
        const end = rest.indexOf('\n\n');
        if (end < 0) {
          const { value, done } = (await reader?.read()) ?? { done: true, value: '' };
          if (done) throw new Error(`the stream ended before ${pattern}`);
          rest += value;
          continue;
        }
        const event = rest.slice(0, end);
        rest = rest.slice(end + 2);
        if (pattern.test(event)) return event;
      }
    },
  };
}

describe('the server of the watch', () => {
  it('shows all browsers what changes, and reads the cluster once for all of them', async () => {
    const { tenant, connection, address } = await startWatch();
    const browsers = await Promise.all([
      openEvents(address),
      openEvents(address),
      openEvents(address, '/loops/shop/web'),
    ]);
    for (const browser of browsers) await browser.until(/High cpu → React to cpu, 4 → 6/);
    const status = { lastDecision: decision({ message: 'Low cpu', from: 6, to: 5 }), recentDecisions: [] };
    await tenant.mergePatch(resourceTypes.closedLoop, 'shop', 'web', { status });
    for (const browser of browsers) {
      const event = await browser.until(/Low cpu/);
      // Only what changed: the charts' titles and the other table stay.
      expect(Object.keys(JSON.parse(event.slice('data: '.length)).parts)).not.toContain('agent-shopX2fXtuner');
    }
    const lists = connection.calls.filter((call) => call.startsWith('list'));
    expect(lists.sort()).toEqual(
      ['ClosedLoop', 'DeliberativeLoop', 'Deployment', 'ScalingGroup', 'StatefulSet'].map((kind) => `list ${kind} /`),
    );
    expect(connection.calls.filter((call) => !/^(list|watch) /.test(call))).toEqual([]);
  });

  it('says when the API server was last seen, shows what it knew, and goes on when it is back', async () => {
    const { tenant, connection, address } = await startWatch();
    const browser = await openEvents(address);
    await browser.until(/High cpu/);
    connection.setDown(true);
    await browser.until(/last seen <time[^>]*>[^<]*<\/time>: .*ECONNREFUSED/);
    expect(await (await fetch(`${address}/`)).text()).toContain('High cpu → React to cpu, 4 → 6');
    await tenant.delete(resourceTypes.closedLoop, 'shop', 'web');
    connection.setDown(false);
    await browser.until(/no ClosedLoop here yet/);
    await tenant.create(resourceTypes.closedLoop, 'shop', closedLoop('api'));
    await browser.until(/shop\/api/);
    const view = (await (await fetch(`${address}/view.json`)).json()) as { sources: { state: string }[] };
    expect(view.sources.map(({ state }) => state)).toEqual(['ok']);
  });

  it('refuses names that a stranger may have pointed here, and may not be framed', async () => {
    const { address } = await startWatch();
    const { port } = new URL(address);
    const statusFor = async (host: string, path = '/') => {
      // fetch does not let the Host header be set.
      const { request } = await import('node:http');
      return new Promise<number | undefined>((resolve, reject) => {
        const call = request({ host: '127.0.0.1', port, path, headers: { host } }, (response) => {
          resolve(response.statusCode);
          response.destroy();
        });
        call.on('error', reject).end();
      });
    };
    expect(await statusFor(`127.0.0.1:${port}`)).toBe(200);
    expect(await statusFor(`watch.example:${port}`)).toBe(200);
    for (const path of ['/', '/events', '/view.json', '/loops/shop/web', '/none']) {
      expect(await statusFor(`evil.example:${port}`, path)).toBe(421);
    }
    const { headers } = await fetch(address);
    expect(headers.get('content-security-policy')).toContain("frame-ancestors 'none'");
    expect(headers.get('access-control-allow-origin')).toBeNull();
    expect((await openEvents(address)).response.headers.get('x-content-type-options')).toBe('nosniff');
  });

  it('ends its streams when it is stopped', async () => {
    const { address } = await startWatch();
    const browser = await openEvents(address);
    await browser.until(/High cpu/);
    await Promise.all(stops.splice(0, 1).map((stop) => stop()));
    await expect(browser.until(/never/)).rejects.toThrow();
    await delay(0);
    await expect(fetch(address)).rejects.toThrow();
  });
});
