import { PassThrough } from 'node:stream';
import { expect, it } from 'vitest';
import { createProgress } from './progress.ts';

function sink(properties: object = {}) {
  const stream = Object.assign(new PassThrough(), properties);
  const chunks: string[] = [];
  stream.on('data', (chunk) => chunks.push(String(chunk)));
  return { stream, text: () => chunks.join('') };
}

it('writes plain lines at most every five seconds, and the last state', () => {
  let milliseconds = 0;
  const { stream, text } = sink();
  const progress = createProgress({ title: 'train', total: 1000, stream, now: () => milliseconds });
  for (let second = 0; second <= 9; second++) {
    milliseconds = second * 1000;
    progress.update(second * 50, { reward: `-${second}` });
  }
  progress.stop();
  progress.stop();
  expect(text().trimEnd().split('\n')).toEqual([
    'train: 0 % · reward -0',
    'train: 25 % · reward -5 · 50 steps/s · 15 s left',
    'train: 45 % · reward -9 · 50 steps/s · 11 s left',
  ]);
});

it('does not count what was done before a resumption as speed', () => {
  let milliseconds = 0;
  const { stream, text } = sink();
  const progress = createProgress({
    title: 'train',
    total: 1000,
    stream,
    now: () => milliseconds,
    lineIntervalSeconds: 0,
  });
  progress.update(900);
  milliseconds = 1000;
  progress.update(910);
  progress.stop();
  expect(text()).toContain('91 % · 10 steps/s · 9 s left');
});

it('draws a bar that fits the terminal and ends with a newline', () => {
  const { stream, text } = sink({ isTTY: true, columns: 60, getWindowSize: () => [60, 20] });
  const progress = createProgress({ title: 'train', total: 10, stream });
  progress.update(5, { reward: '-1.25', 'violation %': '0.91', replicas: '2.90', 'a long field': 'x'.repeat(100) });
  progress.stop();
  const escapeCode = String.fromCharCode(27);
  const painted = text().split(new RegExp(`${escapeCode}\\[[0-9;?]*[A-Za-z]|[${escapeCode}][78]|\\n`));
  expect(painted.join('')).toContain('██████████░░░░░░░░░░ 50 % · reward -1.25');
  expect(Math.max(...painted.map((line) => line.length))).toBeLessThanOrEqual(60);
  expect(
    text()
      .replaceAll(new RegExp(`${escapeCode}(\\[[0-9;?]*[A-Za-z]|[78])`, 'g'), '')
      .endsWith('\n'),
  ).toBe(true);
  // Neither a hidden cursor nor switched-off wrapping may outlive a killed process.
  expect(text()).not.toContain('[?');
});
