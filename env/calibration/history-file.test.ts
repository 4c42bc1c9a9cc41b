import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { emptyServiceHistory, type History, measurementNames } from './history.ts';
import { parseHistoryCsv } from './history-csv.ts';
import { readHistory, writeHistory } from './history-file.ts';

const value = fc.oneof(
  { weight: 4, arbitrary: fc.double({ noDefaultInfinity: true }).map((x) => (Object.is(x, -0) ? 0 : x)) },
  { weight: 1, arbitrary: fc.constant(Number.NaN) },
);
const seconds = fc.double({ min: 0.01, max: 1e6, noNaN: true });

const history: fc.Arbitrary<History> = fc
  .record({
    steps: fc.integer({ min: 1, max: 6 }),
    // A second is written with all its digits, but a sum of fractions is not what its steps were made from.
    startSecond: fc.integer({ min: 0, max: 2e9 }),
    stepSeconds: fc.integer({ min: 1, max: 3600 }),
    names: fc.uniqueArray(fc.stringMatching(/^[a-z][a-z0-9-]{0,8}[a-z0-9]$/), { minLength: 1, maxLength: 3 }),
    rateWindowSeconds: fc.oneof(seconds, fc.constant(Number.NaN)),
    sampleIntervalSeconds: fc.oneof(seconds, fc.constant(Number.NaN)),
    sampleAgeSeconds: fc.oneof(seconds, fc.constant(Number.NaN)),
  })
  .chain(({ names, steps, ...rest }) =>
    fc
      .tuple(
        ...names.map((name) =>
          fc
            .tuple(
              fc.array(fc.array(value, { minLength: steps, maxLength: steps }), {
                minLength: measurementNames.length,
                maxLength: measurementNames.length,
              }),
              fc.array(fc.record({ step: fc.nat(steps - 1), seconds })),
            )
            .map(([columns, podStarts]) => {
              const service = emptyServiceHistory(name, steps);
              for (const [i, measurement] of measurementNames.entries()) service[measurement].set(columns[i]);
              service.podStarts.push(...podStarts.sort((a, b) => a.step - b.step));
              return service;
            }),
        ),
      )
      .map((services) => ({ ...rest, steps, services })),
  );

describe('history files', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'history-'));
  });
  afterAll(() => rm(folder, { recursive: true }));

  it.each(['csv', 'parquet'])('gives back exactly what was written as %s', async (form) => {
    const file = join(folder, `history.${form}`);
    await fc.assert(
      fc.asyncProperty(history, async (one) => {
        await writeHistory(file, one);
        expect(await readHistory(file)).toEqual(one);
      }),
      { numRuns: 60 },
    );
    expect(await readdir(folder)).not.toContainEqual(expect.stringContaining('.new-'));
  });

  it('reads what people write: any order of columns and rows, seconds beside the axis, empty cells', () => {
    const text = `service,second,rps,p95,cpu,memory,ready
front,100,10,5,50,20,2
front,131,12,,55,21,2
front,115,11,5.5,52,,2
back,115,3,1,5,10,1
`;
    const read = parseHistoryCsv(text, 'h.csv');
    expect(read).toMatchObject({ startSecond: 100, stepSeconds: 15, steps: 3 });
    expect(read.services.map(({ name }) => name)).toEqual(['front', 'back']);
    expect([...read.services[0].requestsPerSecond]).toEqual([10, 11, 12]);
    expect([...read.services[0].p95Milliseconds]).toEqual([5, 5.5, Number.NaN]);
    expect([...read.services[1].readyPods]).toEqual([Number.NaN, 1, Number.NaN]);
  });

  it.each([
    ['second,rps\n0,1\n', 'no column service, p95'],
    ['second,service,rps,p95,cpu,memory,ready,latency\n', 'unknown column latency'],
    ['second,service,rps,p95,cpu,memory,ready\n0,a,1,2,3,4,5\n15,a,fast,2,3,4,5\n', 'line 3: rps "fast"'],
    ['second,service,rps,p95,cpu,memory,ready\n0,a,1,2,3,4,5\n15,a,1,2\n', 'line 3: needs 7 columns, found 4'],
    ['second,service,rps,p95,cpu,memory,ready\n0,a,1,2,3,4,5\n15,a,1,2,3,4,5\n0,a,1,2,3,4,5\n', 'line 4: second 0'],
    ['second,service,rps,p95,cpu,memory,ready\n0,a,1,2,3,4,5\n', 'at least two seconds, found 1'],
    ['# seconds: step=-1\nsecond,service,rps,p95,cpu,memory,ready\n', '"step=-1"'],
    ['second,service,rps,p95,cpu,memory,ready\n0,a,1,2,3,4,5\n1,a,1,2,3,4,5\n1732000000,a,1,2,3,4,5\n', 'one clock'],
  ])('says what is wrong with %j', (text, words) => {
    expect(() => parseHistoryCsv(text, 'h.csv')).toThrow(
      expect.objectContaining({ code: 'HISTORY_INVALID', message: expect.stringContaining(words) }),
    );
  });
});
