import { expect, test } from 'vitest';
import { KubernetesError } from '../cluster/kubernetes-api.ts';
import { runAll } from './run-all.ts';
import { aborted } from './waiting.ts';

test('one that fails stops the others, and is the reason once they have ended', async () => {
  const ended: string[] = [];
  const steady = {
    async run(signal: AbortSignal) {
      await aborted(signal);
      await new Promise((resolve) => setTimeout(resolve, 20));
      ended.push('steady');
    },
  };
  const done = { run: async () => void ended.push('done') };
  const failing = { run: () => Promise.reject(new Error('failed')) };
  await expect(runAll([steady, done, failing], new AbortController().signal)).rejects.toThrow('failed');
  expect(ended).toEqual(['done', 'steady']);
});

test('told to stop, all stop; one that is done leaves the others running', async () => {
  const ending = new AbortController();
  let isRunning = true;
  const steady = { run: (signal: AbortSignal) => aborted(signal) };
  const running = runAll([steady, { run: async () => {} }], ending.signal).then(() => {
    isRunning = false;
  });
  await new Promise((resolve) => setTimeout(resolve, 10));
  expect(isRunning).toBe(true);
  ending.abort();
  await running;
  await runAll([steady], AbortSignal.abort());
});

test('calls given up because of the stop are no failure; given up without one they are', async () => {
  const givenUp = () => Promise.reject(new KubernetesError(0, 'Aborted', 'given up by the caller'));
  const ending = new AbortController();
  const waiting = { run: (signal: AbortSignal) => aborted(signal).then(givenUp) };
  const running = runAll([waiting], ending.signal);
  ending.abort();
  await running;
  await expect(runAll([{ run: givenUp }], new AbortController().signal)).rejects.toThrow('given up');
});
