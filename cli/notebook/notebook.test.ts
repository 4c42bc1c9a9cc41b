import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { formatSeries, seriesFileName } from '../../training/compare.ts';
import { testRow } from '../../training/report/report.fixture.ts';
import * as notebook from './notebook.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'duoloop-notebook-'));
});
afterAll(() => rm(folder, { recursive: true }));

const write = async (name: string, content: string) => {
  await writeFile(join(folder, name), content);
  return join(folder, name);
};

describe('run', () => {
  test('gives what the verb printed', async () => {
    expect(await notebook.run('--version')).toMatch(/^\d+\.\d+\.\d+$/);
  });

  test('fails with what the verb complained about', async () => {
    await expect(notebook.run('compare', '--app', 'frontend')).rejects.toThrow(
      /duoloop compare --app frontend ended with 2: error: .*--trace/,
    );
  });
});

describe('a saved comparison', () => {
  const rows = [testRow('hpa', 'day', 1, 3), testRow('checkpoint:x/y', 'day', 0.5, 2.5)];
  const seriesOf = (policy: string) => ({
    trace: 'day',
    policy,
    stepSeconds: 5,
    rps: Float32Array.of(100, 200.5, 300),
    desired: Int32Array.of(1, 2, -1),
    ready: Int32Array.of(1, 1, 2),
    p95: Float32Array.of(4, 80, Number.NaN),
    cpu: Float32Array.of(50, 90, 60),
    services: [],
  });

  test('is read back as it was written, what is not known included, and drawn', async () => {
    const file = await write('rows.json', JSON.stringify(rows));
    for (const { policy } of rows) await write(seriesFileName('day', policy), formatSeries(seriesOf(policy)));
    const comparison = await notebook.readComparison({ rows: file, series: folder });
    expect(comparison.rows).toEqual(rows);
    const { cpu: _, services: __, ...expected } = seriesOf('hpa');
    expect(comparison.series[0]).toEqual(expected);
    expect(comparison.slaP95Milliseconds).toBe(5);
    expect(notebook.pictures.trace(comparison, 'day')).toContain('0.50 % of time above the SLA at 2.50 replicas');
    expect(() => notebook.pictures.trace(comparison, 'night')).toThrow('no series of the trace night were kept');
    expect(notebook.texts.headline(comparison)).toContain('17 % fewer replicas');
  });

  test.each([
    ['{', /rows\.json: .*JSON.*write it with duoloop compare --json/],
    ['[]', /the whole: /],
    [JSON.stringify([{ ...rows[0], meanReplicas: 'many' }]), /0\.meanReplicas: .*number/],
  ])('%.20s is refused by its file and field', async (content, message) => {
    await expect(notebook.readComparison({ rows: await write('rows.json', content) })).rejects.toThrow(message);
  });

  test('a series that is no number is refused by its file and row', async () => {
    const file = await write('rows.json', JSON.stringify(rows));
    for (const { policy } of rows) {
      await write(seriesFileName('day', policy), 'second,rps,desired,ready,p95,cpu\n0,1,1,1,4,50\n5,1,one,1,4,50\n');
    }
    await expect(notebook.readComparison({ rows: file, series: folder })).rejects.toThrow(
      /day\.hpa\.csv, row 2: desired is "one", not a number/,
    );
  });
});

test.each([
  [notebook.readInspection, 'duoloop inspect --json'],
  [notebook.readCalibration, 'duoloop calibrate --json'],
])('%o says of another file what would write a right one', async (read, verb) => {
  const file = fileURLToPath(new URL('../../package.json', import.meta.url));
  await expect(read(file)).rejects.toThrow(verb);
  await expect(read(join(folder, 'absent.json'))).rejects.toThrow(/cannot read .*absent\.json/);
});

test('a picture stands alone: no variable of a page, an opaque ground', async () => {
  const file = fileURLToPath(new URL('../../notebooks/results/inspection.json', import.meta.url));
  const inspection = await notebook.readInspection(file);
  for (const draw of [notebook.pictures.decisionMap, notebook.pictures.importance, notebook.pictures.training]) {
    const picture = draw(inspection);
    expect(picture).toMatch(/^<svg xmlns="http:\/\/www\.w3\.org\/2000\/svg"/);
    expect(picture).toMatch(/<\/desc><rect width="\d+" height="\d+" fill="#fff"\/>/);
    expect(picture).not.toContain('var(');
  }
});
