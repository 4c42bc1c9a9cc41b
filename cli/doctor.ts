/** What this machine has of what Duoloop can use. Each check answers for itself and none can stop another. */
import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { readKubeContext } from '../env/cluster/kube-context.ts';
import { createPrometheusClient } from '../env/cluster/prometheus.ts';
import { withoutCredentials } from '../env/cluster/url-credentials.ts';
import { labBinaryNames } from '../env/lab/binaries/catalog.ts';
import { findBinary } from '../env/lab/binaries/find.ts';
import { runTool } from '../policies/actor-critic/run-tool.ts';
import { activateTensorBackend, tensorBackendNames } from '../policies/actor-critic/tensor-backend.ts';

export interface Finding {
  readonly check: string;
  /** `missing` may be harmless; `required` tells. */
  readonly status: 'ok' | 'missing';
  readonly required: boolean;
  readonly detail: string;
  /** What to do about a missing one. */
  readonly advice?: string;
}

export interface DoctorOptions {
  readonly prometheusUrl?: string;
  readonly checkpointsFolder?: string;
  readonly nodeVersion?: string;
}

const shippedCheckpoints = fileURLToPath(new URL('../policies/checkpoints', import.meta.url));
const oldestNode = [20, 19] as const;

export async function examine(options: DoctorOptions = {}): Promise<Finding[]> {
  const findings = [checkNode(options.nodeVersion ?? process.versions.node), ...(await checkTensorBackends())];
  const independent = await Promise.all([
    checkTool(
      'python',
      ['python3', 'python'],
      'only needed by setup-native, bench/peers, and the tests of notebooks and bridges; install Python 3 with pip',
    ),
    checkTool('C++ compiler', ['c++', 'g++', 'clang++'], 'only needed by setup-native; install g++'),
    checkTool('chromium', ['chromium', 'chromium-browser', 'google-chrome'], 'only needed to picture HTML reports'),
    checkCheckpoints(options.checkpointsFolder ?? shippedCheckpoints),
    checkKubernetes(),
    checkLabPrograms(),
  ]);
  findings.push(...independent);
  if (options.prometheusUrl !== undefined) findings.push(await checkPrometheus(options.prometheusUrl));
  return findings;
}

function checkNode(version: string): Finding {
  const [major, minor] = version.split('.').map(Number);
  const recentEnough = major > oldestNode[0] || (major === oldestNode[0] && minor >= oldestNode[1]);
  return finding('node', version, recentEnough ? undefined : `install Node ${oldestNode.join('.')} or newer`, true);
}

/** Tries every backend; the first that works is the one in use. */
async function checkTensorBackends(): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (const name of tensorBackendNames) {
    const check = `tensor backend ${name}`;
    const inUseBefore = findings.some((earlier) => earlier.status === 'ok');
    try {
      await activateTensorBackend(name);
      findings.push(finding(check, inUseBefore ? 'works, as a fallback' : 'in use'));
    } catch (error) {
      const advice = name === 'native' ? 'npm run setup:native' : 'npm ci';
      findings.push({ ...finding(check, messageOf(error), advice), required: name === 'cpu' });
    }
  }
  return findings;
}

async function checkTool(check: string, programs: readonly string[], advice: string): Promise<Finding> {
  for (const program of programs) {
    const version = await runTool(program, ['--version'], { timeoutSeconds: 10 }).catch(() => undefined);
    if (version !== undefined) return finding(check, `${program}: ${version.split('\n')[0].trim()}`);
  }
  return finding(check, `none of ${programs.join(', ')} runs`, advice);
}

/** A checkpoint is a folder with checkpoint.json and weights.bin: `<application>` or `<application>/<name>`. */
async function checkCheckpoints(folder: string): Promise<Finding> {
  const check = 'shipped checkpoints';
  const advice = 'train one: duoloop train --help';
  if (!existsSync(folder)) return finding(check, `${folder} is not there`, advice);
  const files = await readdir(folder, { recursive: true });
  const found = files.filter((file) => file.endsWith('checkpoint.json'));
  const usable: string[] = [];
  const broken: string[] = [];
  for (const file of found) {
    const name = file.slice(0, -'checkpoint.json'.length - 1);
    const complete = files.includes(`${name}/weights.bin`) && (await isJson(`${folder}/${file}`));
    (complete ? usable : broken).push(name);
  }
  if (broken.length > 0)
    return finding(check, `incomplete: ${broken.sort().join(', ')}`, 'git restore policies/checkpoints');
  return usable.length > 0 ? finding(check, usable.sort().join(', ')) : finding(check, `none in ${folder}`, advice);
}

async function isJson(file: string): Promise<boolean> {
  try {
    JSON.parse(await readFile(file, 'utf8'));
    return true;
  } catch {
    return false;
  }
}

async function checkKubernetes(): Promise<Finding> {
  const check = 'kubernetes context';
  try {
    const context = await readKubeContext();
    if (context === undefined) {
      return finding(check, 'no kubeconfig', 'only needed for a cluster; set KUBECONFIG or write ~/.kube/config');
    }
    return finding(check, `${context.name}: ${context.server} (${context.source})`);
  } catch (error) {
    return finding(check, messageOf(error), 'correct the kubeconfig: kubectl config view');
  }
}

/** The lab's control plane is made of programs that setup-lab downloads or builds. */
async function checkLabPrograms(): Promise<Finding> {
  const check = 'lab programs';
  const found = await Promise.all(labBinaryNames.map((name) => findBinary(name)));
  const missing = labBinaryNames.filter((_, index) => found[index] === undefined);
  const detail = missing.length === 0 ? `all ${labBinaryNames.length}` : `not found: ${missing.join(', ')}`;
  return finding(
    check,
    detail,
    missing.length === 0 ? undefined : 'only needed for the lab and its tests; duoloop setup-lab',
  );
}

async function checkPrometheus(url: string): Promise<Finding> {
  try {
    return finding(
      'prometheus',
      `version ${await createPrometheusClient({ url }).version()} at ${withoutCredentials(url)}`,
      undefined,
      true,
    );
  } catch (error) {
    return finding(
      'prometheus',
      messageOf(error),
      `check the address: curl ${withoutCredentials(url)}/api/v1/status/buildinfo`,
      true,
    );
  }
}

function finding(check: string, detail: string, advice?: string, required = false): Finding {
  return { check, status: advice === undefined ? 'ok' : 'missing', required, detail, ...(advice && { advice }) };
}

function messageOf(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split('\n')[0];
}
