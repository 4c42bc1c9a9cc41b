/** The application of a model as objects of a cluster: a Deployment per service, with what a pod of it requests. */
import type { AppModel } from '../../apps/app-model.ts';

export interface PodResources {
  readonly cpuCores: number;
  readonly memoryBytes: number;
}

/** The models give memory in percent of a standard pod's; this is what the standard is. */
const standardMemoryBytes = 512 * 2 ** 20;

/**
 * What a pod of a service requests. Measured curves give CPU in percent of a request that they do not name: one core.
 */
export function podResources(app: AppModel, service: number): PodResources {
  const cpuCores = app.serving.kind === 'queueing' ? app.serving.demands[service].cores : 1;
  return { cpuCores, memoryBytes: standardMemoryBytes };
}

/** Label that all of an application's objects carry, with the model's name. */
export const applicationLabel = 'app.kubernetes.io/part-of';

/** Tells the lab's nodes how long a pod takes to become ready. */
const readyDelayAnnotation = 'pod-ready.stage.kwok.x-k8s.io/delay';

export interface DeploymentOptions {
  readonly namespace: string;
  /** Per service, in the model's order. */
  readonly replicas: readonly number[];
  /** Of a pod until it is ready, real seconds. */
  readonly coldStartSeconds: number;
}

/** Deployments of all services, in the model's order. */
export function applicationDeployments(app: AppModel, options: DeploymentOptions): object[] {
  const { namespace, replicas, coldStartSeconds } = options;
  const annotations = { [readyDelayAnnotation]: `${Math.round(coldStartSeconds * 1000)}ms` };
  return app.services.map(({ name }, service) => {
    const { cpuCores, memoryBytes } = podResources(app, service);
    const labels = { 'app.kubernetes.io/name': name, [applicationLabel]: app.name };
    const memory = String(memoryBytes);
    return {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name, namespace, labels },
      spec: {
        replicas: replicas[service],
        selector: { matchLabels: { 'app.kubernetes.io/name': name } },
        template: {
          metadata: { labels, annotations },
          spec: {
            // As in the simulator: removed pods leave at once.
            terminationGracePeriodSeconds: 0,
            containers: [
              {
                name: 'server',
                image: `${app.name}/${name}:model`,
                resources: {
                  requests: { cpu: `${Math.round(cpuCores * 1000)}m`, memory },
                  // Measured pods went above their CPU request, so it is no limit; memory is in percent of its limit.
                  limits: { memory },
                },
                // Resized in place: a reaction that changes a pod's size does not restart it.
                resizePolicy: [
                  { resourceName: 'cpu', restartPolicy: 'NotRequired' },
                  { resourceName: 'memory', restartPolicy: 'NotRequired' },
                ],
              },
            ],
          },
        },
      },
    };
  });
}
