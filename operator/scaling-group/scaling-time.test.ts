import { expect, it } from 'vitest';
import type { ScalingTime } from './scaling-time.ts';
import { renderScalingTimePage } from './scaling-time-page.ts';
import { formatScalingTimes, summarizeScalingTimes } from './scaling-time-results.ts';

const sample = (members: number, mode: ScalingTime['mode'], repetition: number, patched: number): ScalingTime => ({
  members,
  mode,
  latencyMilliseconds: 20,
  repetition,
  patchedMilliseconds: patched,
  readyMilliseconds: patched * 2,
});
const samples = [
  sample(1, 'at once', 1, 10.04),
  sample(1, 'at once', 2, 30),
  sample(1, 'at once', 3, 20),
  sample(7, 'at once', 1, 40),
  sample(7, 'one after another', 1, 150),
];

it('writes a row a repetition and sums up by members and mode', () => {
  const [header, first, ...rest] = formatScalingTimes(samples).trimEnd().split('\n');
  expect(header.split(',')).toHaveLength(first.split(',').length);
  expect(first).toBe('1,at once,20,1,10,20.1');
  expect(rest).toHaveLength(4);
  const [one, seven, alone] = summarizeScalingTimes(samples);
  expect(one).toMatchObject({
    members: 1,
    repetitions: 3,
    patchedMilliseconds: { lowest: 10, median: 20, highest: 30 },
  });
  expect([seven.mode, alone.mode]).toEqual(['at once', 'one after another']);
});

it('draws a page that fetches and runs nothing, and escapes the command line', () => {
  const commandLine = 'duoloop experiment scaling-time --out "<a>&b"';
  const html = renderScalingTimePage({ samples, server: 'https://lab', commandLine, createdAt: '2026-01-01' });
  expect(html).not.toMatch(/<script|<link|<img|@import|NaN|undefined/);
  expect(html).toContain('--out &quot;&lt;a&gt;&amp;b&quot;');
  expect(html.match(/<svg [^>]*role="img"/g)).toHaveLength(1);
  expect(html.match(/<tr><th scope="row">/g)).toHaveLength(3);
});
