/**
 * The simulated HPA against the HPA controller of a real kube-controller-manager, side by side through the same metrics.
 *
 * Many HPAs at once, each on an object of its own with a scale subresource, so that the test decides what pods there are
 * and how they fare. The real controller syncs every second and asks this process for metrics; at that moment the
 * simulated HPA (`groupPods`, `resourceUtilizationReplicas`, `combineProposals`, `HpaReconciler`) decides from the same
 * pods, metrics and current replicas. Compared is, for every sync of every HPA, what the real one wrote into the scale
 * with what the simulated one decided. Time is the real one, so that stabilisation windows and rate limits are compared
 * too; where an event leaves a window in the very moment of a sync (0.05 s, on a busy machine up to 0.4 s) either outcome
 * is accepted, and such syncs are counted: less than one in fifty.
 *
 * Found and mended: events of scaling are written over once they are older than the longest period of their own
 * direction (scale-events.ts), so that the other direction's longer periods miss them.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import fastify, { type FastifyInstance } from 'fastify';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { connectKubernetes } from '../../env/cluster/kubernetes-client.ts';
import { type ControlPlane, startControlPlane } from '../../env/lab/control-plane.ts';
import { until } from '../../env/lab/lab-api.ts';
import { type PodMetricsQuery, serveMetricsApi } from '../../env/lab/stand-in/metrics-api.ts';
import { registerMetricsApi } from '../../env/lab/stand-in/register-metrics-api.ts';
import { listenOnLoopback } from '../../env/lab/stand-in/stand-in.ts';
import { describeCluster } from '../../test/cluster.ts';
import { scaledToZero, scenarios } from './differential-scenarios.fixture.ts';
import { LockStep } from './lock-step.fixture.ts';
import type { PodReadinessOptions } from './pod-classes.ts';
import { fleetDefinition, ScaledFleet } from './scaled-fleet.fixture.ts';

const namespace = 'differential';
const readiness: PodReadinessOptions = { cpuInitializationSeconds: 15, initialReadinessDelaySeconds: 5 };
const syncs = 32;

/** One real HPA and its simulated twin. */
class Pairing {
  readonly fleet: ScaledFleet;
  readonly twin: LockStep;
  #requestsLeft = 0;
  #second = 0;
  /** What was started after the last sync; over before the next one begins. */
  #aftermath: Promise<void> = Promise.resolve();

  constructor(fleet: ScaledFleet) {
    this.fleet = fleet;
    this.twin = new LockStep(fleet.scenario, readiness);
  }

  /** The real HPA asks for metrics: once for each of its metrics in a sync. */
  async answer() {
    const { scenario } = this.fleet;
    if (this.#requestsLeft === 0) {
      this.#requestsLeft = scenario.metrics.length;
      await this.#aftermath;
      const current = await this.fleet.replicas();
      const sync = this.twin.sync + 1;
      this.#second = Date.now() / 1000;
      const second = this.#second;
      this.twin.begin(second, current, (resource) => this.fleet.hpaPods(sync, resource, second));
      const interferes = scenario.podsFollow || scenario.byHand?.[sync] !== undefined;
      if (interferes) this.#aftermath = this.#interfere(sync);
      // Looked at when the next sync begins, if there is one.
      this.#aftermath.catch(() => undefined);
    }
    this.#requestsLeft--;
    return this.fleet.podMetrics(this.twin.sync, this.#second);
  }

  /** In the middle between two syncs. */
  async #interfere(sync: number): Promise<void> {
    await sleep(500);
    const { scenario } = this.fleet;
    const real = await this.fleet.replicas();
    if (!this.twin.agrees(real)) return;
    this.twin.settle(real);
    const byHand = scenario.byHand?.[sync];
    if (byHand !== undefined) await this.fleet.setReplicas(byHand);
    if (scenario.podsFollow) await this.fleet.follow(real);
  }
}

describeCluster('the simulated HPA and the real one', () => {
  let controlPlane: ControlPlane;
  let server: FastifyInstance;
  const pairings = new Map<string, Pairing>();

  beforeAll(async () => {
    // One of its own: an HPA's metrics come from the only metrics API of a control plane.
    controlPlane = await startControlPlane({
      nodes: false,
      scheduler: false,
      horizontalPodAutoscaler: {
        syncPeriodSeconds: 1,
        cpuInitializationPeriodSeconds: readiness.cpuInitializationSeconds,
        initialReadinessDelaySeconds: readiness.initialReadinessDelaySeconds,
      },
    });
    const { api } = controlPlane;
    const certificate = await controlPlane.servingCertificate('metrics-api');
    server = fastify({ https: { key: certificate.privateKeyPem, cert: certificate.certificatePem } });
    serveMetricsApi(server, async ({ labelSelector }: PodMetricsQuery) => {
      const name = /fleet=([^,]+)/.exec(labelSelector)?.[1];
      return (await pairings.get(name ?? '')?.answer()) ?? [];
    });
    // The HPA controller looks for kinds that it does not know every 30 s only, unless it starts after they were made.
    const controllers = controlPlane.component('kube-controller-manager');
    await controllers.stop();
    await Promise.all([
      registerMetricsApi(api, await listenOnLoopback(server)),
      api.apply(
        `/apis/apiextensions.k8s.io/v1/customresourcedefinitions/${fleetDefinition.metadata.name}`,
        fleetDefinition,
      ),
      api.create('/api/v1/namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } }),
    ]);
    await until('the namespace and its kind of objects', 20, async () => {
      // Refused with 429 while its storage is being set up.
      const fleets = api.get(`/apis/differential.duoloop.dev/v1/namespaces/${namespace}/fleets`);
      return fleets.then(
        () => true,
        () => false,
      );
    });
    await controllers.start();
    await until('the service account of the namespace', 20, async () => {
      await api.get(`/api/v1/namespaces/${namespace}/serviceaccounts/default`);
      return true;
    });
    const kubernetes = await connectKubernetes({ kubeconfigFiles: [controlPlane.kubeconfigFile] });
    const second = Date.now() / 1000;
    for (const scenario of [...scenarios, scaledToZero]) {
      pairings.set(scenario.name, new Pairing(new ScaledFleet(kubernetes, namespace, scenario, second)));
    }
    await Promise.all([...pairings.values()].map(({ fleet }) => fleet.create()));
  });

  afterAll(async () => {
    await controlPlane?.stop();
    await server?.close();
  });

  it(`decide alike in each of ${syncs} syncs of ${scenarios.length} HPAs`, async () => {
    await Promise.all([...pairings.values()].map(({ fleet }) => fleet.createHpa(fleet.scenario.behavior)));
    const everyone = scenarios.map(({ name }) => (pairings.get(name) as Pairing).twin);
    const fewest = () => Math.min(...everyone.map(({ compared }) => compared.length));
    for (let second = 0; second < 46 && fewest() < syncs; second++) await sleep(1000);
    expect(fewest()).toBeGreaterThan(0.6 * syncs);
    const compared = everyone.flatMap((twin) => twin.compared);
    expect(compared.filter(({ simulated, real }) => simulated !== real)).toEqual([]);
    expect(compared.filter(({ clockShiftSeconds }) => clockShiftSeconds !== 0).length).toBeLessThan(
      0.02 * compared.length,
    );
    // Nothing to compare there: the real one did not ask, and the simulated one keeps its hands off.
    const zero = pairings.get(scaledToZero.name) as Pairing;
    expect(zero.twin.sync).toBe(-1);
    expect(await zero.fleet.replicas()).toBe(0);
    // That agreement is about something: replicas moved, up and down.
    expect(compared.filter(({ current, real }) => real > current).length).toBeGreaterThan(100);
    expect(compared.filter(({ current, real }) => real < current).length).toBeGreaterThan(100);
  }, 58_000);
});
