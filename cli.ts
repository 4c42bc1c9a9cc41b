/** The `duoloop` command: every verb by name. Each lives with its folder and is loaded only when used. */
import { readFileSync, realpathSync } from 'node:fs';
import { runProgram, type Verb } from './cli/program.ts';

export const verbs: readonly Verb[] = [
  {
    name: 'start',
    summary: 'train on the measured application, compare with the HPA on unseen traffic, write a report',
    load: () => import('./training/start-command.ts'),
  },
  { name: 'train', summary: 'train a policy for an application', load: () => import('./training/train-command.ts') },
  {
    name: 'compare',
    summary: 'run policies on the same traces and report violations, replicas and latency',
    load: () => import('./training/compare-command.ts'),
  },
  {
    name: 'inspect',
    summary: 'say what a checkpoint is, what it does and which observations matter to it',
    load: () => import('./training/inspect-command.ts'),
  },
  {
    name: 'serve-env',
    summary: 'serve the simulated environment to a learner in another process, such as Gymnasium’s',
    load: () => import('./training/env-server/serve-env-command.ts'),
  },
  {
    name: 'import-onnx',
    summary: 'make a checkpoint of an actor trained elsewhere: Stable-Baselines3, RLlib or any ONNX',
    load: () => import('./training/onnx-import/import-onnx-command.ts'),
  },
  {
    name: 'trace',
    summary: 'write synthetic load traces as CSV',
    load: () => import('./env/workload/trace-command.ts'),
  },
  {
    name: 'agent',
    summary: 'run the deliberative loop: observe closed loops and propose ranks and sizes',
    load: () => import('./agent/agent-command.ts'),
  },
  {
    name: 'record',
    summary: 'write what Prometheus knows of an application to a file, for later',
    load: () => import('./env/calibration/record-command.ts'),
  },
  {
    name: 'calibrate',
    summary: 'fit an app model and a load trace to what was measured',
    load: () => import('./env/calibration/calibrate-command.ts'),
  },
  {
    name: 'adopt',
    summary: 'bring an application under the two loops, at first only watching, beside whatever scales it',
    load: () => import('./training/adopt/adopt-command.ts'),
  },
  {
    name: 'promote',
    summary:
      'offer a checkpoint to the agent only when it beats the incumbent and the HPA, and take it back when it fails',
    load: () => import('./training/promote-command.ts'),
  },
  {
    name: 'operator',
    summary: 'run the reactive loop and the coordinated scaler in a cluster',
    load: () => import('./operator/operator-command.ts'),
  },
  {
    name: 'watch',
    summary: 'show load, replicas, latency, ranks and proposals of a cluster, live',
    load: () => import('./cli/watch/watch-command.ts'),
  },
  {
    name: 'explain',
    summary: 'tell why a closed loop did or did not scale in the last ticks',
    load: () => import('./operator/explain-command.ts'),
  },
  {
    name: 'experiment',
    summary: 'measure on a cluster how long a group takes from the request to its last ready member',
    load: () => import('./operator/scaling-group/experiment-command.ts'),
  },
  {
    name: 'groups',
    summary: 'import groups.txt as ScalingGroups',
    load: () => import('./operator/groups-command.ts'),
  },
  {
    name: 'migrate',
    summary: 'convert HorizontalPodAutoscalers and KEDA ScaledObjects to closed loops that behave alike',
    load: () => import('./operator/migrate-command.ts'),
  },
  {
    name: 'lab',
    summary: 'start a real control plane on loopback that plays an application under a trace',
    load: () => import('./cli/lab-command.ts'),
  },
  {
    name: 'setup-lab',
    summary: "find or build the lab's programs into the cache folder, once",
    load: () => import('./env/lab/setup-lab-command.ts'),
  },
  {
    name: 'doctor',
    summary: 'say what is there, what is missing and what to do about it',
    load: () => import('./cli/doctor-command.ts'),
  },
  {
    name: 'setup-native',
    summary: 'build the native tensor backend into the cache folder, once',
    load: () => import('./policies/actor-critic/setup-native-command.ts'),
  },
];

/** Runs a command line (without interpreter and script) and resolves to its exit code. */
export function main(argv: readonly string[]): Promise<number> {
  process.stdout.off('error', endQuietlyWithoutReader).on('error', endQuietlyWithoutReader);
  const { version, description } = JSON.parse(readFileSync(new URL('package.json', import.meta.url), 'utf8'));
  return runProgram(argv, { verbs, version, description, debug: debugRequested });
}

async function debugRequested(): Promise<boolean> {
  const { settings } = await import('./env/settings.ts');
  return settings().debug;
}

/** A reader that has seen enough (`duoloop --help | head`) is no failure. */
function endQuietlyWithoutReader(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EPIPE') throw error;
  process.exit();
}

// Called by the name of a link, it is still this file.
if (process.argv[1] !== undefined && import.meta.filename === realpathSync(process.argv[1])) {
  process.exitCode = await main(process.argv.slice(2));
}
