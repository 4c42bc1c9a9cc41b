/**
 * Runs the containers of a pod template as processes of this machine: the very command, arguments and environment, as a
 * kubelet would make them up. What differs, and is all that differs:
 *   - a path below a volume's mount is the same path below a folder of the test's, in arguments and environment;
 *   - the service account of the pod is a kubeconfig, which names the API server's address and a token of that account;
 *   - `duoloop`, the image's program, is this checkout's;
 *   - PATH is this machine's.
 */
import { spawn } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type KubernetesApi, resourceTypes } from '../../env/cluster/kubernetes-api.ts';
import type { ConfigMap } from '../export/config-map.ts';

export interface PodTemplate {
  readonly metadata?: { readonly labels?: Readonly<Record<string, string>> };
  readonly spec: {
    readonly automountServiceAccountToken?: boolean;
    readonly serviceAccountName?: string;
    readonly initContainers?: readonly Container[];
    readonly containers: readonly Container[];
    readonly volumes?: readonly Volume[];
  };
}

interface Container {
  readonly name: string;
  readonly command: readonly string[];
  readonly args: readonly string[];
  readonly env?: readonly {
    readonly name: string;
    readonly value?: string;
    readonly valueFrom?: { readonly fieldRef: { readonly fieldPath: string } };
  }[];
  readonly envFrom?: readonly { readonly configMapRef: { readonly name: string } }[];
  readonly volumeMounts?: readonly { readonly name: string; readonly mountPath: string }[];
}

interface Volume {
  readonly name: string;
  readonly configMap?: { readonly name: string };
  readonly persistentVolumeClaim?: { readonly claimName: string };
  readonly emptyDir?: object;
}

export interface Machine {
  readonly api: KubernetesApi;
  readonly namespace: string;
  /** Of the pod's service account. */
  readonly kubeconfigFile: string;
  /** Where claims and other volumes are. */
  readonly folder: string;
}

export interface ContainerRun {
  readonly container: string;
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

const program = fileURLToPath(new URL('../../bin/duoloop.mjs', import.meta.url));

/** The folder that stands for a claim. */
export const claimFolder = ({ folder }: Pick<Machine, 'folder'>, claim: string) => join(folder, 'claims', claim);

/**
 * Init containers one after the other, then the containers; ends with the first that fails.
 * @param index of an indexed Job, whose controller tells it to every container
 */
export async function runPod(
  { spec }: PodTemplate,
  podName: string,
  machine: Machine,
  index?: number,
): Promise<ContainerRun[]> {
  const volumes = new Map<string, string>();
  for (const volume of spec.volumes ?? []) volumes.set(volume.name, await mountVolume(volume, podName, machine));
  const runs: ContainerRun[] = [];
  for (const container of [...(spec.initContainers ?? []), ...spec.containers]) {
    const environment = await environmentOf(container, podName, machine, index);
    const hasToken = spec.automountServiceAccountToken !== false;
    const run = await runContainer(container, environment, volumes, hasToken ? machine.kubeconfigFile : undefined);
    runs.push(run);
    if (run.exitCode !== 0) break;
  }
  return runs;
}

async function mountVolume(volume: Volume, podName: string, machine: Machine): Promise<string> {
  const { api, namespace } = machine;
  const claim = volume.persistentVolumeClaim?.claimName;
  const folder = claim === undefined ? join(machine.folder, podName, volume.name) : claimFolder(machine, claim);
  await mkdir(folder, { recursive: true });
  if (volume.configMap !== undefined) {
    const { data, binaryData } = await api.get<ConfigMap>(resourceTypes.configMap, namespace, volume.configMap.name);
    for (const [key, text] of Object.entries(data ?? {})) await writeFile(join(folder, key), text);
    for (const [key, base64] of Object.entries(binaryData ?? {})) {
      await writeFile(join(folder, key), Buffer.from(base64, 'base64'));
    }
  }
  return folder;
}

async function environmentOf(
  { env = [], envFrom = [] }: Container,
  podName: string,
  { api, namespace }: Machine,
  index: number | undefined,
): Promise<Record<string, string>> {
  const fields: Readonly<Record<string, string>> = { 'metadata.name': podName, 'metadata.namespace': namespace };
  const environment: Record<string, string> = {};
  for (const { configMapRef } of envFrom) {
    const { data } = await api.get<ConfigMap>(resourceTypes.configMap, namespace, configMapRef.name);
    Object.assign(environment, data);
  }
  for (const { name, value, valueFrom } of env) {
    environment[name] = valueFrom === undefined ? (value ?? '') : fields[valueFrom.fieldRef.fieldPath];
  }
  return index === undefined ? environment : { ...environment, JOB_COMPLETION_INDEX: String(index) };
}

function runContainer(
  { name, command, args, volumeMounts = [] }: Container,
  environment: Readonly<Record<string, string>>,
  volumes: ReadonlyMap<string, string>,
  kubeconfigFile: string | undefined,
): Promise<ContainerRun> {
  if (command.join() !== 'duoloop') throw new Error(`container ${name} runs ${command.join(' ')}`);
  const mounts = volumeMounts.map(({ name: volume, mountPath }) => ({ mountPath, folder: volumes.get(volume) ?? '' }));
  const placed = (text: string) => {
    const mount = mounts.find(({ mountPath }) => text === mountPath || text.startsWith(`${mountPath}/`));
    return mount === undefined ? text : mount.folder + text.slice(mount.mountPath.length);
  };
  // What is not defined stays as it is, as the kubelet has it.
  const expanded = (text: string) => text.replace(/\$\(([^)]+)\)/g, (whole, key) => environment[key] ?? whole);
  const own = Object.fromEntries(Object.entries(environment).map(([key, value]) => [key, placed(value)]));
  const child = spawn(process.execPath, [program, ...args.map((argument) => placed(expanded(argument)))], {
    env: { ...own, PATH: process.env.PATH, KUBECONFIG: kubeconfigFile ?? '/nonexistent' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  return new Promise((resolve, reject) => {
    const output = { stdout: '', stderr: '' };
    child.stdout.on('data', (data) => {
      output.stdout += data;
    });
    child.stderr.on('data', (data) => {
      output.stderr += data;
    });
    child.once('error', reject);
    child.once('close', (exitCode) => resolve({ container: name, exitCode, ...output }));
  });
}
