import { get } from 'node:http';
import { expect, test } from 'vitest';
import { UserError } from '../../env/errors.ts';
import { serveTrainingMetrics } from './training-metrics.ts';

test('tells of the progress while the run goes on, and frees the port after it', async () => {
  const served = await serveTrainingMetrics({ port: 0, host: '127.0.0.1', app: 'shop', targetSteps: 1000 });
  served.show(250, { 'rollout/reward': -1.5, 'rollout/violationPercent': 2, 'update/rows': 7 });
  const text = await (await fetch(served.url, { headers: { connection: 'close' } })).text();
  expect(text).toContain('duoloop_training_environment_steps{app="shop"} 250');
  expect(text).toContain('duoloop_training_target_steps{app="shop"} 1000');
  expect(text).toContain('duoloop_training_reward{app="shop"} -1.5');
  expect(text).toContain('duoloop_training_violation_percent{app="shop"} 2');
  expect(text).not.toContain('duoloop_training_validation_violation_percent{');
  expect(text).toContain('process_resident_memory_bytes');
  const { port } = new URL(served.url);
  await expect(
    serveTrainingMetrics({ port: Number(port), host: '127.0.0.1', app: 'shop', targetSteps: 1 }),
  ).rejects.toThrow(UserError);
  await served.close();
  const refused = await new Promise<Error>((resolve) => get(served.url).on('error', resolve));
  expect(refused).toMatchObject({ code: 'ECONNREFUSED' });
});
