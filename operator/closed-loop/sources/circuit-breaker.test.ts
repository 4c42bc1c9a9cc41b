import { beforeEach, expect, test, vi } from 'vitest';
import { type CircuitBreaker, createCircuitBreaker } from './circuit-breaker.ts';

let isGone: boolean;
let probes: number;
let breaker: CircuitBreaker;

beforeEach(() => {
  isGone = false;
  probes = 0;
  breaker = createCircuitBreaker({
    outage: (error) => ((error as Error).message === 'wrong question' ? undefined : (error as Error).message),
    async probe() {
      probes++;
      await new Promise(setImmediate);
      if (isGone) throw new Error('gone');
    },
    pauseSeconds: 0.01,
  });
});

const fail = (message: string) => breaker.run(() => Promise.reject(new Error(message))).catch((error) => error);
const ask = () => breaker.run(async () => 'answer').catch((error) => error);
const open = () => vi.waitUntil(() => breaker.isOpen, { interval: 1 });
const closed = () => vi.waitUntil(() => !breaker.isOpen, { interval: 1 });

test('a source that is gone is not asked, and found again without anybody asking', async () => {
  isGone = true;
  // Of many failures at a time one probe comes.
  await Promise.all(Array.from({ length: 5 }, () => fail('refused')));
  expect(probes).toBe(1);
  await open();
  let asked = 0;
  const answers = await Promise.all(
    Array.from({ length: 5 }, () => breaker.run(async () => asked++).catch((error) => error)),
  );
  expect(answers.map(({ code, message }) => [code, message])).toEqual(answers.map(() => ['circuit-open', 'gone']));
  expect(asked).toBe(0);
  await vi.waitUntil(() => probes > 3, { interval: 1 });
  expect(breaker.isOpen).toBe(true);
  isGone = false;
  await closed();
  expect(await ask()).toBe('answer');
  const before = probes;
  await new Promise((resolve) => setTimeout(resolve, 30));
  expect(probes).toBe(before);
});

test('questions that fail while the source is there keep nobody else from asking', async () => {
  for (let i = 0; i < 10; i++) {
    await fail('too slow');
    expect(await ask()).toBe('answer');
    expect(breaker.isOpen).toBe(false);
  }
});

test('a question that is refused is no outage', async () => {
  for (let i = 0; i < 10; i++) expect(await fail('wrong question')).toMatchObject({ message: 'wrong question' });
  expect(probes).toBe(0);
});

test('a probe that is not answered holds up nobody, and has failed soon', async () => {
  let answerProbe = () => {};
  const frozen = createCircuitBreaker({
    outage: () => 'frozen',
    probe: () => new Promise<void>((resolve) => (answerProbe = resolve)),
    probeSeconds: 0.02,
    pauseSeconds: 0.01,
  });
  await frozen.run(() => Promise.reject(new Error('refused'))).catch(() => {});
  // Not known to be gone yet: this one may be answered.
  expect(await frozen.run(async () => 1)).toBe(1);
  await vi.waitUntil(() => frozen.isOpen, { interval: 1 });
  await expect(frozen.run(async () => 1)).rejects.toMatchObject({ code: 'circuit-open', message: 'frozen' });
  await vi.waitUntil(
    () => {
      answerProbe();
      return !frozen.isOpen;
    },
    { interval: 1 },
  );
  expect(await frozen.run(async () => 2)).toBe(2);
});
