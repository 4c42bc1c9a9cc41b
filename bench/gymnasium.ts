/** Environment steps per second that the Gymnasium bridge moves into Python, beside the environment in its own process. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { childEnvironment } from '../env/settings.ts';
import { pythonEnvironment } from '../test/python-environment.ts';
import { stepRate } from './environment.ts';
import { against, type Benchmark, type Measurement, summarise } from './measurement.ts';

const bridge = fileURLToPath(new URL('../bridges/gymnasium/', import.meta.url));
const jsonServer = fileURLToPath(new URL('gymnasium-json-server.ts', import.meta.url));
const lanes = [64, 1024] as const;
const required = 200_000;

export const gymnasiumBenchmark: Benchmark = {
  name: 'gymnasium',
  description: 'env-steps/s that arrive in Python, against the environment in its own process and over JSON',
  async run(options) {
    const { python } = await pythonEnvironment(`${bridge}requirements-test.txt`, { log: console.error });
    const largest = lanes[lanes.length - 1];
    const inProcess = await stepRate('frontend', largest, options);
    const command = `${process.execPath} --import tsx ${jsonServer}`;
    const repeats = options.quick ? ['--repeats', '1', '--seconds', '0.2'] : [];
    const words = [`${bridge}benchmarks/throughput.py`, '--lanes', ...lanes.map(String), '--json-command', command];
    const { stdout } = await promisify(execFile)(python, [...words, ...repeats], {
      cwd: bridge,
      env: childEnvironment({ PYTHONPATH: `${bridge}src`, PYTHONDONTWRITEBYTECODE: '1' }),
    });
    const results = JSON.parse(stdout) as { name: string; samples: number[] }[];
    const of = (name: string) => {
      const samples = results.find((result) => result.name === name)?.samples ?? [];
      return summarise(`Gymnasium, ${name}`, 'steps/s', samples);
    };
    const batched: Measurement = { ...of(`vector ${largest}`), required: { value: required, is: 'at least' } };
    return [
      inProcess,
      against(batched, 'in process', inProcess),
      of(`vector ${lanes[0]}`),
      of('DuoloopEnv'),
      against(of(`json ${largest}`), 'frames', batched),
      against(of('async 8'), 'vector', batched),
    ];
  },
};
