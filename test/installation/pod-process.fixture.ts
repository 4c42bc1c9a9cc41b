/**
 * The container of a Deployment as a process of this machine, with the arguments that the API server has stored. What
 * differs, and is all that differs:
 *   - `duoloop`, the image's program, is this checkout's;
 *   - the service account of the pod is a kubeconfig with a token of that account;
 *   - it listens on loopback, on a free port for each of the container's, and Prometheus is the test's.
 */
import { type DuoloopProcess, duoloopProcess } from '../../agent/faults/duoloop-process.fixture.ts';
import type { ControlPlane } from '../../env/lab/control-plane.ts';
import { freePort } from '../../env/lab/loopback-ports.ts';
import { requestLoopback } from '../../env/lab/loopback-request.ts';
import type { OrphanGuard } from '../../env/lab/orphan-guard.ts';

interface Probe {
  readonly httpGet: { readonly path: string; readonly port: string };
}

export interface Container {
  readonly name: string;
  readonly image: string;
  readonly command: readonly string[];
  readonly args: readonly string[];
  readonly env: readonly { readonly name: string; readonly value?: string }[];
  readonly ports: readonly { readonly name: string; readonly containerPort: number }[];
  readonly startupProbe: Probe;
  readonly livenessProbe: Probe;
  readonly readinessProbe: Probe;
}

export interface Workload {
  readonly metadata: { readonly name: string; readonly namespace: string };
  readonly spec: {
    readonly replicas: number;
    readonly template: {
      readonly metadata: { readonly labels: Readonly<Record<string, string>> };
      readonly spec: { readonly serviceAccountName: string; readonly containers: readonly Container[] };
    };
  };
}

export interface PodProcess extends DuoloopProcess {
  /** Where it serves a port of the container. @throws Error when there is no port of that name */
  url(port: string): string;
  /** Asks as the kubelet does. @throws LoopbackError when the probe fails */
  probe(kind: 'startupProbe' | 'livenessProbe' | 'readinessProbe'): Promise<string>;
}

export interface PodProcessOptions {
  readonly plane: Pick<ControlPlane, 'serviceAccountKubeconfig'>;
  readonly prometheusUrl: string;
  readonly folder: string;
  readonly guard: OrphanGuard;
}

/** Starts nothing yet. */
export async function podProcess(workload: Workload, options: PodProcessOptions): Promise<PodProcess> {
  const { plane, prometheusUrl, folder, guard } = options;
  const { namespace, name } = workload.metadata;
  const { containers, serviceAccountName } = workload.spec.template.spec;
  const [container] = containers;
  if (container.command.join() !== 'duoloop') throw new Error(`${name} runs ${container.command.join(' ')}`);
  const environment: Readonly<Record<string, string>> = {
    ...Object.fromEntries(container.env.map((each) => [each.name, each.value ?? ''])),
    POD_NAMESPACE: namespace,
    POD_IP: '127.0.0.1',
    PROMETHEUS_URL: prometheusUrl,
  };
  const [verb, ...stored] = container.args;
  const health = portOf(container, 'metrics');
  if (!stored.includes(`--port=${health}`)) throw new Error(`${name} does not serve its port metrics, ${health}`);
  const others = await Promise.all(
    container.ports.map(async ({ name: port, containerPort }) => ({ port, containerPort, free: await freePort() })),
  );
  const placed = stored
    // The fixture's processes get these two.
    .filter((argument) => argument !== `--port=${health}` && !argument.startsWith('--bind='))
    // As the kubelet has it: what is not defined stays as it is.
    .map((argument) => argument.replace(/\$\(([^)]+)\)/g, (whole, variable) => environment[variable] ?? whole))
    .map((argument) => others.reduce(withPort, argument));
  const process = await duoloopProcess(
    {
      verb: verb as 'operator' | 'agent',
      commandLine: [
        ...placed,
        ...['--kubeconfig', await plane.serviceAccountKubeconfig({ namespace, name: serviceAccountName })],
      ],
      name: `${namespace}-${name}`,
      folder,
    },
    guard,
  );
  const url = (wanted: string) => {
    if (wanted === 'metrics') return new URL(process.metricsUrl).origin;
    portOf(container, wanted);
    return `http://127.0.0.1:${others.find(({ port }) => port === wanted)?.free}`;
  };
  return Object.defineProperties(
    {
      url,
      probe: (kind: 'startupProbe' | 'livenessProbe' | 'readinessProbe') => {
        const { path, port } = container[kind].httpGet;
        return requestLoopback(url(port) + path, { signal: AbortSignal.timeout(5_000) });
      },
    },
    Object.getOwnPropertyDescriptors(process),
  ) as PodProcess;
}

function portOf({ name, ports }: Container, wanted: string): number {
  const found = ports.find((port) => port.name === wanted);
  if (found === undefined) throw new Error(`${name} has no port ${wanted}`);
  return found.containerPort;
}

/** `--ingest-port=8081` and `--ingest-address=http://…:8081` with the free one. */
function withPort(argument: string, { containerPort, free }: { containerPort: number; free: number }): string {
  return argument.replace(new RegExp(`(?<=[=:])${containerPort}$`), String(free));
}
