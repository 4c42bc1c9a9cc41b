import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { examine, type Finding } from './doctor.ts';
import { formatFindings } from './doctor-command.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'duoloop-doctor-'));
});
afterEach(() => rm(folder, { recursive: true }));

const named = (findings: readonly Finding[], check: string) => findings.find((finding) => finding.check === check);

test('exactly one tensor backend is in use, and each that is not says why', async () => {
  const backends = (await examine()).filter(({ check }) => check.startsWith('tensor backend'));
  expect(backends.filter(({ detail }) => detail === 'in use')).toHaveLength(1);
  for (const { status, advice } of backends) expect(status === 'ok').toBe(advice === undefined);
});

test('a Node that is too old and a Prometheus that is down are required and missing', async () => {
  const findings = await examine({ nodeVersion: '20.18.3', prometheusUrl: 'http://127.0.0.1:1' });
  for (const check of ['node', 'prometheus']) {
    expect(named(findings, check)).toMatchObject({ status: 'missing', required: true });
  }
  expect(named(await examine({ nodeVersion: '22.0.0' }), 'node')?.status).toBe('ok');
});

test('a checkpoint without its weights is told from a whole one', async () => {
  for (const name of ['frontend', 'teastore']) {
    await mkdir(join(folder, name));
    await writeFile(join(folder, name, 'checkpoint.json'), '{}');
  }
  await writeFile(join(folder, 'frontend', 'weights.bin'), '');
  const broken = named(await examine({ checkpointsFolder: folder }), 'shipped checkpoints');
  expect(broken).toMatchObject({ status: 'missing', detail: 'incomplete: teastore' });
  await writeFile(join(folder, 'teastore', 'weights.bin'), '');
  const whole = named(await examine({ checkpointsFolder: folder }), 'shipped checkpoints');
  expect(whole).toMatchObject({ status: 'ok', detail: 'frontend, teastore' });
});

test('the table keeps every character within 100 columns', () => {
  const detail = `the file /${'very-long-folder-name/'.repeat(8)}config could not be read`;
  const table = formatFindings([
    { check: 'kubernetes context', status: 'missing', required: false, detail, advice: detail },
  ]);
  for (const line of table.split('\n')) expect(line.length).toBeLessThanOrEqual(100);
  const column = table
    .split('\n')
    .slice(3)
    .map((line) => line.split('│')[3]?.trim() ?? '');
  expect(column.join('').replaceAll(' ', '')).toContain(detail.replaceAll(' ', ''));
});
