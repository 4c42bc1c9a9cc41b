/** What bundling saves: time until agent and operator answer, and their memory, against the sources compiled by tsx. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { buildBundle, launcherName } from '../cli/bundle/bundle.ts';
import { freePort } from '../env/lab/loopback-ports.ts';
import { requestLoopback } from '../env/lab/loopback-request.ts';
import { childEnvironment } from '../env/settings.ts';
import { against, type Benchmark, type Measurement, summarise } from './measurement.ts';
import { processUse } from './process-use.ts';

const sources = fileURLToPath(new URL('../bin/duoloop.mjs', import.meta.url));
/** Nobody answers there: what is measured is the program, without the objects of a cluster. */
const kubeconfig = JSON.stringify({
  'current-context': 'nobody',
  clusters: [{ name: 'nobody', cluster: { server: 'http://127.0.0.1:1' } }],
  contexts: [{ name: 'nobody', context: { cluster: 'nobody', user: 'nobody' } }],
  users: [{ name: 'nobody', user: {} }],
});
const settledMilliseconds = 3_000;

export const bundleBenchmark: Benchmark = {
  name: 'bundle',
  description: 'start and memory of agent and operator as a bundle, against the sources under tsx',
  async run({ quick }) {
    const folder = await mkdtemp(join(tmpdir(), 'duoloop-bundle-'));
    try {
      await writeFile(join(folder, 'kubeconfig'), kubeconfig);
      await buildBundle(join(folder, 'dist'));
      const bundled = join(folder, 'dist', launcherName);
      const results: Measurement[] = [];
      for (const verb of ['agent', 'operator'] as const) {
        const measure = (program: string) => measureProgram(program, verb, join(folder, 'kubeconfig'), quick ? 1 : 5);
        const [underTsx, asBundle] = [await measure(sources), await measure(bundled)];
        results.push(against(asBundle.start, 'tsx', underTsx.start), against(asBundle.memory, 'tsx', underTsx.memory));
      }
      return results.map((result) => ({ ...result, note: `Node.js ${process.versions.node}` }));
    } finally {
      await rm(folder, { recursive: true });
    }
  },
};

async function measureProgram(program: string, verb: string, kubeconfigFile: string, repeats: number) {
  const seconds: number[] = [];
  const megabytes: number[] = [];
  for (let repeat = 0; repeat < repeats; repeat++) {
    const url = `http://127.0.0.1:${await freePort()}`;
    const ports = ['--port', new URL(url).port, ...(verb === 'operator' ? ['--ingest-port', '0'] : [])];
    const words = [program, verb, '--prometheus', 'http://127.0.0.1:1', ...ports];
    const begin = performance.now();
    const child = spawn(process.execPath, words, {
      env: childEnvironment({ KUBECONFIG: kubeconfigFile }),
      stdio: 'ignore',
    });
    const ended = once(child, 'exit');
    try {
      const isUp = () =>
        requestLoopback(`${url}/healthz`).then(
          () => true,
          () => false,
        );
      while (!(await isUp())) {
        if (child.exitCode !== null) throw new Error(`duoloop ${verb} ended with ${child.exitCode}`);
        await delay(5);
      }
      seconds.push((performance.now() - begin) / 1000);
      await delay(settledMilliseconds);
      megabytes.push((await processUse(child.pid as number)).residentMegabytes);
    } finally {
      child.kill('SIGKILL');
      await ended;
    }
  }
  return {
    start: summarise(`${verb} bundled, start to /healthz`, 's', seconds),
    memory: summarise(`${verb} bundled, memory`, 'MB', megabytes),
  };
}
