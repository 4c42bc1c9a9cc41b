import { beforeEach, expect, test } from 'vitest';
import { type CircuitBreaker, createCircuitBreaker } from './circuit-breaker.ts';

let second: number;
let isGone: boolean;
let probes: number;
let breaker: CircuitBreaker;
const never = new AbortController().signal;

beforeEach(() => {
  second = 0;
  isGone = false;
  probes = 0;
  breaker = createCircuitBreaker({
    now: () => second,
    outage: (error) => ((error as Error).message === 'wrong question' ? undefined : (error as Error).message),
    async probe() {
      probes++;
      await new Promise(setImmediate);
      if (isGone) throw new Error('gone');
    },
  });
});

const fail = (message: string) => breaker.run(never, () => Promise.reject(new Error(message))).catch((error) => error);
const ask = () => breaker.run(never, async () => 'answer').catch((error) => error);

test('a source that is gone is not asked, but probed once a tick', async () => {
  isGone = true;
  for (let i = 0; i < 3; i++) await fail('refused');
  let asked = 0;
  const probedAt: number[] = [];
  for (; second < 5; second += 0.25) {
    const before = probes;
    // All of a tick wait for the same probe.
    const answers = await Promise.all(
      Array.from({ length: 5 }, () => breaker.run(never, async () => asked++).catch((error) => error)),
    );
    expect(answers.map(({ code, message }) => [code, message])).toEqual(answers.map(() => ['circuit-open', 'gone']));
    if (probes > before) probedAt.push(second);
  }
  expect(asked).toBe(0);
  expect(breaker.isOpen).toBe(true);
  expect(probedAt).toEqual([0, 0.5, 1, 1.5, 2, 2.5, 3, 3.5, 4, 4.5]);
  isGone = false;
  expect(await Promise.all([ask(), ask()])).toEqual(['answer', 'answer']);
  expect(breaker.isOpen).toBe(false);
});

test('questions that fail while the source is there keep nobody else from asking', async () => {
  for (let i = 0; i < 10; i++) {
    for (let j = 0; j < 3; j++) await fail('too slow');
    expect(await ask()).toBe('answer');
  }
  expect(probes).toBe(10);
  expect(breaker.isOpen).toBe(false);
});

test('a question that is refused is no outage', async () => {
  for (let i = 0; i < 10; i++) expect(await fail('wrong question')).toMatchObject({ message: 'wrong question' });
  expect(probes).toBe(0);
});

test('waiting for a probe ends with the tick', async () => {
  const stuck = createCircuitBreaker({
    now: () => 0,
    outage: (error) => String(error),
    probe: () => new Promise(() => {}),
    failuresToProbe: 1,
  });
  await stuck.run(never, () => Promise.reject(new Error('refused'))).catch(() => {});
  await expect(stuck.run(AbortSignal.timeout(20), async () => 1)).rejects.toMatchObject({ name: 'TimeoutError' });
  await expect(stuck.run(AbortSignal.timeout(20), async () => 1)).rejects.toMatchObject({ code: 'circuit-open' });
});

test('a probe that is not answered has failed soon, however long the tick', async () => {
  const stuck = createCircuitBreaker({
    now: () => 0,
    outage: () => 'frozen',
    probe: () => new Promise(() => {}),
    failuresToProbe: 1,
    probeSeconds: 0.02,
  });
  await stuck.run(never, () => Promise.reject(new Error('refused'))).catch(() => {});
  await expect(stuck.run(never, async () => 1)).rejects.toMatchObject({ code: 'circuit-open', message: 'frozen' });
});
