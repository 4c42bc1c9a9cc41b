import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadApp } from '../apps/load-app.ts';
import { playTraces } from '../simulator/play.ts';
import { createSetPointLoop } from '../simulator/set-point-loop.fixture.ts';
import { readTrace } from '../workload/trace.ts';
import { command } from './calibrate-command.ts';
import { formatHistoryCsv } from './history-csv.ts';
import { syntheticHistory } from './synthetic-history.fixture.ts';

describe('duoloop calibrate', () => {
  let folder: string;
  const file = (name: string) => join(folder, name);

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'calibrate-'));
    const seconds = Array.from({ length: 721 }, (_, i) => i * 30);
    const trace = { name: 'waves', seconds, rps: seconds.map((second) => 1100 + 700 * Math.sin(second / 700)) };
    const groupSizeAt = (second: number) => 3 + Math.round(2 * Math.sin(second / 1900));
    const history = syntheticHistory({ app: await loadApp('frontend'), trace, groupSizeAt });
    await writeFile(file('measured.csv'), formatHistoryCsv(history));
  });
  afterAll(() => rm(folder, { recursive: true }));

  async function run(typed: Record<string, unknown>): Promise<string> {
    const printed: string[] = [];
    const input = command.schema.parse({
      out: file('app.json'),
      trace: file('trace.csv'),
      html: file('report.html'),
      ...typed,
    });
    await command.run(input, {
      signal: new AbortController().signal,
      print: (line) => printed.push(line),
      log: () => {},
      commandLine: 'duoloop calibrate --csv <measured>',
    });
    return printed.join('\n');
  }

  it('makes of a CSV an app model and a trace that the simulator plays, and a report', async () => {
    const text = await run({ csv: file('measured.csv'), sla: '6', name: 'shop-front' });
    expect(text.split('\n').every((line) => line.length <= 100)).toBe(true);
    const [app, trace] = await Promise.all([loadApp(file('app.json')), readTrace(file('trace.csv'))]);
    expect(app).toMatchObject({ name: 'shop-front', slaP95Milliseconds: 6, minGroupSize: 1, maxGroupSize: 5 });
    const [outcome] = playTraces({ app, traces: [trace], controller: createSetPointLoop(app, 1) });
    expect(outcome.p95Milliseconds.max).toBeGreaterThan(1);
    const html = await readFile(file('report.html'), 'utf8');
    expect(html).not.toMatch(/NaN|Infinity|undefined|<script|<link|<img/);
    expect(html).toContain('&lt;measured&gt;');
    expect(html.match(/role="img"/g)).toHaveLength(5 + 3);
  });

  it('writes what it found as JSON, for charts of one’s own', async () => {
    const printed = JSON.parse(await run({ csv: file('measured.csv'), sla: '6', json: '-' }));
    await run({ csv: file('measured.csv'), sla: '6', json: file('calibration.json') });
    expect(JSON.parse(await readFile(file('calibration.json'), 'utf8'))).toEqual(printed);
    expect(printed.app).toEqual(JSON.parse(await readFile(file('app.json'), 'utf8')));
    const [{ points, samples }] = printed.fit.curves;
    expect(points[0].p95Milliseconds.low).toBeLessThanOrEqual(points[0].p95Milliseconds.value);
    expect(samples.length).toBeGreaterThan(points.length);
  });

  it.each([
    [{}, /--csv or --history is needed/],
    [{ csv: 'a.csv', history: 'b.parquet' }, /only one of them/],
    [{ prometheus: 'http://localhost:9090' }, /needed with --prometheus/],
    [{ csv: 'a.csv', maxGap: 'long' }, /is not a duration/],
  ])('does not start with %j', async (typed, words) => {
    await expect(run(typed)).rejects.toThrow(words);
  });

  it.each([
    [{ csv: '/nowhere.csv' }, /cannot read history/],
    [{ history: '/nowhere.txt' }, /ends in .csv or .parquet/],
    [{ service: ['back'] }, /--service back: .*has frontend/],
    [{ sla: undefined }, /give it with --sla/],
  ])('refuses %j and writes nothing', async (typed, words) => {
    const csv = 'history' in typed ? undefined : file('measured.csv');
    await expect(run({ csv, sla: '6', out: file('none.json'), ...typed })).rejects.toThrow(
      expect.objectContaining({ name: 'UserError', message: expect.stringMatching(words) }),
    );
    await expect(readFile(file('none.json'))).rejects.toThrow('ENOENT');
  });
});
