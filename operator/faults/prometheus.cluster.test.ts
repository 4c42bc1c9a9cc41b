/** A Prometheus that is gone, frozen or failing, and series that are gone or spoilt, under the operator as a process. */
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { createPrometheusClient, type PrometheusClient } from '../../env/cluster/prometheus.ts';
import { type StandaloneComponent, startPrometheus } from '../../env/lab/monitoring.ts';
import { fromTimestamp } from '../../policies/resources/timestamp.ts';
import { describeCluster } from '../../test/cluster.ts';
import { type FaultyProxy, startFaultyProxy } from './faulty-proxy.fixture.ts';
import type { OperatorProcess } from './operator-process.fixture.ts';
import { type OperatorScene, operatorScene, stoppedAfterwards, within } from './operator-scene.fixture.ts';
import { type QueueExporter, queueQuery, startQueueExporter } from './queue-exporter.fixture.ts';

const windowSeconds = 4;
/** Jobs per worker: above 80 is too many, below 20 too few. */
const [calm, high, low] = [50, 100, 5];

const queueLoop = {
  metrics: [
    {
      name: 'queue',
      rank: 1,
      source: { prometheus: { query: queueQuery } },
      thresholds: [
        { kind: 'superior', value: 80, reaction: { horizontal: { by: 2 } } },
        { kind: 'inferior', value: 20, reaction: { horizontal: { by: -1 } } },
      ],
    },
  ],
  behavior: { minReplicas: 1, maxReplicas: 30, scaleDown: { stabilizationWindowSeconds: windowSeconds } },
};
const fallback = { action: 'Fallback', replicas: 5, afterTicks: 3 };

describeCluster('metrics that cannot be had', (cluster) => {
  let queues: QueueExporter;
  let prometheus: StandaloneComponent;
  let client: PrometheusClient;
  const operators: OperatorProcess[] = [];
  stoppedAfterwards(operators);

  beforeAll(async () => {
    queues = await startQueueExporter();
    prometheus = await startPrometheus({
      scrapeConfigs: [{ job_name: 'queues', static_configs: [{ targets: [queues.target] }] }],
    });
    client = createPrometheusClient({ url: prometheus.url });
  });
  afterAll(async () => {
    await prometheus?.stop();
    await queues?.close();
  });

  /** Deployments of three replicas with a loop each, all of them calm. */
  async function begin(prometheusUrl: string, names: readonly string[]) {
    const on = await operatorScene(cluster, 'metrics', { prometheusUrl });
    operators.push(on.operator);
    await Promise.all(
      names.map(async (name) => {
        queues.set(on.namespace, name, calm);
        await on.deploy({ name, replicas: 3 });
        const onMissingMetrics = name === 'fallback' ? fallback : undefined;
        await on.createLoop(name, { ...queueLoop, targetRef: { name }, onMissingMetrics });
      }),
    );
    return on;
  }
  const metricsAvailable = (on: OperatorScene, name: string) => on.condition(name, 'MetricsAvailable');
  const measured = (on: OperatorScene, name: string, seconds = 15) =>
    expect
      .poll(() => metricsAvailable(on, name), within(seconds))
      .toMatchObject({ status: 'True', reason: 'AllMeasured' });
  const missing = (on: OperatorScene, name: string, message: RegExp) =>
    expect
      .poll(() => metricsAvailable(on, name), within(10))
      .toMatchObject({
        status: 'False',
        reason: 'MissingMetrics',
        message: expect.stringMatching(message),
      });
  /** Unix seconds at which Prometheus has it, for whoever asks. */
  async function known({ namespace }: OperatorScene, name: string, length: number): Promise<number> {
    const query = `queue_length{namespace="${namespace}",deployment="${name}"}`;
    await expect.poll(() => client.value(query).catch(() => Number.NaN), within(15)).toBe(length);
    return Date.now() / 1000;
  }
  /** Unix seconds of the first decision after `since` to take a Deployment from 3 replicas to `to`. */
  async function decided(on: OperatorScene, name: string, to: number, since: number): Promise<number> {
    let second = Number.NaN;
    await expect
      .poll(async () => {
        const { recentDecisions = [] } = (await on.closedLoop(name)).status ?? {};
        const scalings = recentDecisions.filter((decision) => decision.from === 3 && decision.to === to);
        second = fromTimestamp(scalings[0]?.time ?? '');
        // A tick may have begun, in which Prometheus knew it, before the test did.
        return second > since - 2;
      }, within(20))
      .toBe(true);
    return second;
  }
  const missingEvents = (on: OperatorScene, name: string) => on.events(name, 'MissingMetrics');

  describe('of some loops of a shared query', () => {
    let on: OperatorScene;
    const reasons = {
      empty: /no result/,
      nan: /no finite number/,
      refused: /refuses the query.*duplicate series/,
    };
    const spoilt = Object.keys(reasons);
    beforeAll(async () => {
      on = await begin(prometheus.url, ['healthy', ...spoilt, 'fallback']);
    });

    it('hold those loops and say why, and the others go on; Fallback applies after its ticks', async () => {
      const { namespace, operator } = on;
      for (const name of ['healthy', ...spoilt, 'fallback']) await measured(on, name);
      queues.set(namespace, 'empty', undefined);
      queues.set(namespace, 'fallback', undefined);
      queues.set(namespace, 'nan', Number.NaN);
      queues.setDoubled(namespace, 'refused', true);
      for (const [name, reason] of Object.entries(reasons)) await missing(on, name, reason);
      const stored = await Promise.all(spoilt.map(on.stored));
      queues.set(namespace, 'healthy', high);
      await expect.poll(() => on.replicas('healthy'), within(6)).toBeGreaterThan(3);
      queues.set(namespace, 'healthy', calm);
      await expect.poll(() => on.replicas('fallback'), within(8)).toBe(fallback.replicas);
      await on.passTicks(2);
      expect(await Promise.all(spoilt.map(on.stored))).toEqual(stored);
      expect(await Promise.all(spoilt.map(on.replicas))).toEqual([3, 3, 3]);
      for (const [name, reason] of Object.entries(reasons)) {
        // Besides that of the time before the first scrape.
        const told = async () => (await missingEvents(on, name)).filter(({ note }) => reason.test(note));
        await expect
          .poll(told, within(5))
          .toContainEqual({ type: 'Warning', note: expect.stringContaining('queue: ') });
        expect(await operator.metric('duoloop_closed_loop_missing_metrics', `closed_loop="${name}"`)).toBe(1);
      }
      expect(await operator.metric('duoloop_closed_loop_missing_metrics', 'closed_loop="healthy"')).toBe(0);
      // Prometheus itself is there.
      expect(await operator.metric('duoloop_source_available', 'source="prometheus"')).toBe(1);

      queues.setDoubled(namespace, 'refused', false);
      for (const name of ['empty', 'nan', 'fallback']) queues.set(namespace, name, calm);
      for (const name of ['empty', 'nan', 'fallback']) await measured(on, name, 6);
      // A query that failed is not asked in every tick.
      await measured(on, 'refused', 15);
      expect(await Promise.all(spoilt.map(on.replicas))).toEqual([3, 3, 3]);
    });
  });

  /** Every loop loses its metrics for longer than the stabilisation window, and gets other ones back. */
  async function outage(on: OperatorScene, message: RegExp, begin: () => unknown, end: () => unknown) {
    const { namespace, operator } = on;
    const names = ['busy', 'idle', 'fallback'];
    for (const name of names) {
      queues.set(namespace, name, calm);
      await known(on, name, calm);
      await measured(on, name);
    }
    await on.passTicks(1);
    await Promise.all(names.map((name) => on.scale(name, 3)));
    await on.passTicks(2);
    const told = await Promise.all(names.map((name) => missingEvents(on, name)));
    const busyTicks = () => operator.metric('duoloop_ticks_skipped_total', 'reason="busy"');
    const missed = () => operator.metric('duoloop_missing_metrics_total', 'source="prometheus"');
    const before = { busyTicks: await busyTicks(), missed: await missed() };

    // Also when what follows fails: the next test needs it.
    onTestFinished(async () => void (await end()));
    await begin();
    await Promise.all(names.map((name) => missing(on, name, message)));
    await expect.poll(() => on.replicas('fallback'), within(8)).toBe(fallback.replicas);
    // The last of them is on its way while the next starts.
    await on.passTicks(2);
    const stored = await Promise.all(names.map(on.stored));
    await on.passTicks(windowSeconds + 1);
    expect(await Promise.all(names.map(on.stored))).toEqual(stored);
    expect(await Promise.all(names.map(on.replicas))).toEqual([3, 3, fallback.replicas]);
    for (const [index, name] of names.entries()) {
      // One for the outage, whatever its length.
      const events = await missingEvents(on, name);
      expect(events).toHaveLength(told[index].length + 1);
      expect(events).toContainEqual({ type: 'Warning', note: expect.stringMatching(message) });
    }
    expect(await operator.metric('duoloop_source_available', 'source="prometheus"')).toBe(0);
    expect((await missed()) - before.missed).toBeGreaterThanOrEqual(3 * (windowSeconds + 1));
    // Counted by loop. Until a probe has failed, a silent source holds ticks to 0.8 of their second: on a machine that other
    // tests share, one of those may overrun. None does while it is known to be gone, however long that is.
    expect((await busyTicks()) - before.busyTicks).toBeLessThanOrEqual(names.length);
    const onTime = await operator.metric('duoloop_tick_lateness_seconds_bucket', 'le="1"');
    expect(onTime).toBe(await on.ticks());

    queues.set(namespace, 'busy', high);
    queues.set(namespace, 'idle', low);
    await end();
    const back = await known(on, 'busy', high);
    expect((await decided(on, 'busy', 5, back)) - back).toBeLessThanOrEqual(2);
    queues.set(namespace, 'busy', calm);
    // Nothing was wanted smaller until the metrics came back.
    expect((await decided(on, 'idle', 2, back)) - back).toBeGreaterThan(windowSeconds - 2);
    expect(operator.end).toBeUndefined();
  }

  describe('of any loop, since Prometheus', () => {
    let on: OperatorScene;
    beforeAll(async () => {
      on = await begin(prometheus.url, ['busy', 'idle', 'fallback']);
    });

    it('refuses connections', () =>
      outage(
        on,
        /cannot be reached.*ECONNREFUSED/,
        () => prometheus.component.stop(),
        () => prometheus.component.start(),
      ));

    it('is frozen', () =>
      outage(
        on,
        /did not answer/,
        () => prometheus.component.pause(),
        () => prometheus.component.resume(),
      ));
  });

  describe('of any loop, since a proxy', () => {
    let on: OperatorScene;
    let proxy: FaultyProxy;
    beforeAll(async () => {
      proxy = await startFaultyProxy(prometheus.url);
      on = await begin(proxy.url, ['busy', 'idle', 'fallback']);
    });
    afterAll(() => proxy?.close());

    it('answers 500', () =>
      outage(
        on,
        /Prometheus failed.*500/,
        () => {
          proxy.errorStatus = 500;
        },
        () => {
          proxy.errorStatus = undefined;
        },
      ));
  });
});
