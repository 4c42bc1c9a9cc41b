import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { command } from './lab-command.ts';

let folder: string;
let trace: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'duoloop-lab-command-'));
  trace = join(folder, 'short.csv');
  await writeFile(trace, 'second,rps\n0,100\n60,100\n');
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const run = (typed: object) =>
  command.run(command.schema.parse({ app: 'frontend', trace, ...typed }), {
    signal: new AbortController().signal,
    print: () => {},
    log: () => {},
    commandLine: 'duoloop lab',
  });

// Each is refused before anything is started.
it.each([
  [{ json: 'rows.json' }, /--json takes a file with --compare only/],
  [{ rateWindow: '4' }, /--rate-window belongs to --compare/],
  [{ seed: ['1', '2'] }, /--seed takes several seeds with --compare only/],
  [{ compare: 'hpa', json: true }, /--json needs a file with --compare/],
  [{ compare: 'hpa', namespace: 'shop' }, /--namespace: with --compare/],
  [{ compare: 'hpa', keep: true }, /--keep: a comparison ends with its trace/],
  [{ compare: 'hpa, hpa' }, /--compare names hpa twice/],
  [{ compare: 'rps-tuned' }, /needs an external metrics API/],
])('refuses %j', async (typed, why) => {
  await expect(run(typed)).rejects.toMatchObject({ name: 'UserError', message: expect.stringMatching(why) });
});

it('takes each seed once', () => {
  expect(command.schema.safeParse({ app: 'frontend', trace, seed: ['1', '1'] }).success).toBe(false);
});
