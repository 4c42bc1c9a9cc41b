/** Baseline of bench/gymnasium.ts: the environment served as the simplest protocol would, a line of JSON a step. */
import { createInterface } from 'node:readline';
import { scalingEnv } from './environment.ts';

const [, , appName, lanes] = process.argv;
const env = await scalingEnv(appName, Number(lanes));
env.reset(1);
for await (const line of createInterface({ input: process.stdin })) {
  const { observations, rewards, truncated } = env.step(Int32Array.from(JSON.parse(line)));
  const answer = { observations: [...observations], rewards: [...rewards], truncated: [...truncated] };
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
