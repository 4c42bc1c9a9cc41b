/**
 * Something that a real HPA scales, with pods that no controller touches: an object with a scale subresource, and pods
 * whose status the test writes.
 */
import { type KubernetesApi, type ResourceType, resourceTypes } from '../../env/cluster/kubernetes-api.ts';
import type { PodMetrics } from '../../env/lab/stand-in/metrics-api.ts';
import type { Scenario, ScenarioPod, ScenarioResource } from './differential-scenario.fixture.ts';
import type { HpaPod } from './pod-classes.ts';

const group = 'differential.duoloop.dev';
const fleetType: ResourceType = { apiVersion: `${group}/v1`, kind: 'Fleet', plural: 'fleets', namespaced: true };
const fieldManager = 'differential-test';
const unconstrained = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true };
const memoryRequestMebibytes = 1000;
/** Short, as the pods' youth is. */
const metricWindowSeconds = 1;

export const fleetDefinition = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: `fleets.${group}` },
  spec: {
    group,
    scope: 'Namespaced',
    names: { kind: 'Fleet', plural: 'fleets', singular: 'fleet' },
    versions: [
      {
        name: 'v1',
        served: true,
        storage: true,
        schema: { openAPIV3Schema: { type: 'object', properties: { spec: unconstrained, status: unconstrained } } },
        subresources: {
          status: {},
          scale: {
            specReplicasPath: '.spec.replicas',
            statusReplicasPath: '.status.replicas',
            labelSelectorPath: '.status.selector',
          },
        },
      },
    ],
  },
};

interface FleetPod {
  readonly name: string;
  /** As the HPA will read it: whole seconds. */
  state: Omit<HpaPod, 'metric'>;
  live: boolean;
  /** Syncs since it was added; a pod that follows has metrics only from the second on. */
  syncs: number;
}

export class ScaledFleet {
  readonly scenario: Scenario;
  readonly #api: KubernetesApi;
  readonly #namespace: string;
  readonly #pods: readonly FleetPod[];

  constructor(api: KubernetesApi, namespace: string, scenario: Scenario, second: number) {
    this.scenario = scenario;
    this.#api = api;
    this.#namespace = namespace;
    this.#pods = scenario.pods.map((pod, i) => ({
      name: `${scenario.name}-${i}`,
      state: podState(pod, Math.floor(second)),
      live: !scenario.podsFollow || i < scenario.initialReplicas,
      syncs: 2,
    }));
  }

  async create(): Promise<void> {
    const { scenario } = this;
    await this.setReplicas(scenario.initialReplicas);
    const status = { replicas: scenario.initialReplicas, selector: `fleet=${scenario.name},live=yes` };
    await this.#api.apply(fleetType, { ...this.#header, status }, { fieldManager, subresource: 'status' });
    for (const pod of this.#pods) {
      await this.#label(pod);
      await this.#writeStatus(pod);
      if (pod.state.deleting) await this.#api.delete(resourceTypes.pod, this.#namespace, pod.name);
    }
  }

  async createHpa(behavior: object): Promise<void> {
    const { name, minReplicas, maxReplicas, metrics } = this.scenario;
    await this.#api.create(resourceTypes.horizontalPodAutoscaler, this.#namespace, {
      apiVersion: 'autoscaling/v2',
      kind: 'HorizontalPodAutoscaler',
      metadata: { name, namespace: this.#namespace },
      spec: {
        scaleTargetRef: { apiVersion: `${group}/v1`, kind: 'Fleet', name },
        minReplicas,
        maxReplicas,
        behavior,
        metrics: metrics.map(({ resource, targetPercent }) => ({
          type: 'Resource',
          resource: { name: resource, target: { type: 'Utilization', averageUtilization: targetPercent } },
        })),
      },
    });
  }

  async replicas(): Promise<number> {
    const { spec } = await this.#api.get<{ spec: { replicas: number } }>(
      fleetType,
      this.#namespace,
      this.scenario.name,
    );
    return spec.replicas;
  }

  async setReplicas(replicas: number): Promise<void> {
    await this.#api.apply(fleetType, { ...this.#header, spec: { replicas } }, { fieldManager });
  }

  /** Lets pods come and go until there are as many as replicas; those that came one sync ago become ready. */
  async follow(replicas: number): Promise<void> {
    const second = Math.floor(Date.now() / 1000);
    for (const [i, pod] of this.#pods.entries()) {
      if (pod.live && pod.syncs === 0) {
        pod.state = { ...pod.state, ready: { status: true, lastTransitionSecond: second } };
        await this.#writeStatus(pod);
      }
      pod.syncs++;
      const live = i < replicas;
      if (live === pod.live) continue;
      pod.live = live;
      if (live) {
        pod.syncs = 0;
        pod.state = { phase: 'Running', startSecond: second, ready: { status: false, lastTransitionSecond: second } };
        await this.#writeStatus(pod);
      }
      await this.#label(pod);
    }
  }

  /** The pods as the simulated HPA reads them, metrics measured at `second`. */
  hpaPods(sync: number, resource: ScenarioResource, second: number): HpaPod[] {
    return this.#pods.flatMap((pod, i) => {
      if (!pod.live) return [];
      const value = this.#usage(sync, i, resource);
      const metric = value === undefined ? undefined : { value, second, windowSeconds: metricWindowSeconds };
      return [{ ...pod.state, metric }];
    });
  }

  /** The same as the metrics API gives it. */
  podMetrics(sync: number, second: number): PodMetrics[] {
    return this.#pods.flatMap((pod, i) => {
      const cpuPercent = this.#usage(sync, i, 'cpu');
      const memoryPercent = this.#usage(sync, i, 'memory');
      if (!pod.live || cpuPercent === undefined || memoryPercent === undefined) return [];
      const usage = {
        cpuCores: cpuPercent / 100,
        memoryBytes: (memoryPercent / 100) * memoryRequestMebibytes * 2 ** 20,
        second,
        windowSeconds: metricWindowSeconds,
      };
      return [
        { namespace: this.#namespace, name: pod.name, labels: this.#labels(pod), node: '', container: 'server', usage },
      ];
    });
  }

  #usage(sync: number, i: number, resource: ScenarioResource): number | undefined {
    if (this.scenario.podsFollow && this.#pods[i].syncs < 2) return undefined;
    const livePods = this.#pods.filter(({ live }) => live).length;
    return this.scenario.usagePercent(sync, i, resource, livePods);
  }

  get #header() {
    return {
      apiVersion: `${group}/v1`,
      kind: 'Fleet',
      metadata: { name: this.scenario.name, namespace: this.#namespace },
    };
  }

  #labels({ live }: FleetPod): Record<string, string> {
    return { fleet: this.scenario.name, live: live ? 'yes' : 'no' };
  }

  async #label(pod: FleetPod): Promise<void> {
    const object = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: {
        name: pod.name,
        namespace: this.#namespace,
        labels: this.#labels(pod),
        // Keeps a pod that is being deleted.
        ...(pod.state.deleting && { finalizers: [`${group}/stay`] }),
      },
      spec: {
        // Nobody's: it gets no node, and so nobody but the test writes its status.
        schedulerName: 'nobody',
        containers: [
          {
            name: 'server',
            image: 'server',
            resources: { requests: { cpu: '1', memory: `${memoryRequestMebibytes}Mi` } },
          },
        ],
      },
    };
    await this.#api.apply(resourceTypes.pod, object, { fieldManager });
  }

  async #writeStatus(pod: FleetPod): Promise<void> {
    const { phase, startSecond, ready } = pod.state;
    const object = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: pod.name, namespace: this.#namespace },
      status: {
        phase,
        ...(startSecond !== undefined && { startTime: isoTime(startSecond) }),
        ...(ready !== undefined && {
          conditions: [
            {
              type: 'Ready',
              status: ready.status ? 'True' : 'False',
              lastTransitionTime: isoTime(ready.lastTransitionSecond),
            },
          ],
        }),
      },
    };
    await this.#api.apply(resourceTypes.pod, object, { fieldManager, subresource: 'status' });
  }
}

function podState(pod: ScenarioPod, second: number): Omit<HpaPod, 'metric'> {
  return {
    phase: pod.phase,
    deleting: pod.deleting,
    startSecond: pod.startedSecondsAgo === undefined ? undefined : second - pod.startedSecondsAgo,
    ready:
      pod.ready === undefined
        ? undefined
        : { status: pod.ready, lastTransitionSecond: second - (pod.readyChangedSecondsAgo ?? 0) },
  };
}

function isoTime(second: number): string {
  return new Date(second * 1000).toISOString();
}
