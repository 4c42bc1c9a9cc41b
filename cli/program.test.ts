import { expect, test, vi } from 'vitest';
import { z } from 'zod';
import { type CommandContext, defineCommand } from '../env/command.ts';
import { UserError } from '../env/errors.ts';
import { createCommandContext } from './command-context.ts';
import { runProgram, type Verb } from './program.ts';

const work = defineCommand({
  examples: ['duoloop work in.csv --seed 7'],
  arguments: [{ name: '<input-file>', description: 'what to read' }],
  options: [
    { flags: '--seed <n>', description: 'seed of all randomness' },
    { flags: '--trace <file...>', description: 'traces' },
    { flags: '--fail <how>', description: 'fail in this way' },
  ],
  schema: z.object({
    inputFile: z.string(),
    seed: z.coerce.number().int().default(1),
    trace: z.array(z.string()).default([]),
    fail: z.string().optional(),
  }),
  async run(input, context) {
    if (input.fail === 'user') throw new UserError('work.file', 'in.csv line 3: load is negative; correct the file');
    if (input.fail === 'unexpected') throw new TypeError('it broke');
    if (input.fail === 'result') return 1;
    context.print(JSON.stringify(input));
    return undefined;
  },
});

const verbs: Verb[] = [
  { name: 'work', summary: 'works', load: async () => ({ command: work }) },
  {
    name: 'heavy',
    summary: 'must not be loaded for another',
    load: () => {
      throw new Error('loaded');
    },
  },
];

async function run(line: string, debug = false) {
  const out: string[] = [];
  const errors: string[] = [];
  const context: CommandContext = {
    commandLine: line,
    signal: new AbortController().signal,
    print: (text) => out.push(text),
    log: () => {},
  };
  const exitCode = await runProgram(line.split(' ').filter(Boolean), {
    verbs,
    version: '1.2.3',
    description: 'test',
    debug: async () => debug,
    context,
    writeError: (text) => errors.push(text),
  });
  return { exitCode, out: out.join('\n'), errors: errors.join('') };
}

test.each([
  ['work in.csv', 0, ''],
  ['', 0, ''],
  ['--help', 0, ''],
  ['--version', 0, ''],
  ['work --help', 0, ''],
  ['work in.csv --fail result', 1, ''],
  ['work in.csv --fail unexpected', 1, 'error: it broke'],
  ['work in.csv --fail user', 2, 'error: in.csv line 3: load is negative; correct the file\n'],
  ['work', 2, "missing required argument 'input-file'"],
  ['work in.csv out.csv', 2, 'too many arguments'],
  ['work in.csv --sed 1', 2, "unknown option '--sed'\n(Did you mean --seed?)"],
  ['work in.csv --seed', 2, 'argument missing'],
  ['work in.csv --seed one', 2, '--seed "one": Invalid input'],
  ['wrok', 2, "unknown command 'wrok'\n(Did you mean work?)"],
])('"duoloop %s" exits with %i', async (line, exitCode, message) => {
  const result = await run(line);
  expect(result.exitCode).toBe(exitCode);
  if (message === '') expect(result.errors).toBe('');
  else expect(result.errors).toContain(message);
});

test('options and arguments reach the verb parsed, with the defaults of its schema', async () => {
  expect(JSON.parse((await run('work in.csv --trace a.csv b.csv')).out)).toEqual({
    inputFile: 'in.csv',
    seed: 1,
    trace: ['a.csv', 'b.csv'],
  });
});

test('help shows the example and the defaults', async () => {
  const { out } = await run('work --help');
  expect(out).toContain('duoloop work in.csv --seed 7');
  expect(out).toMatch(/--seed <n>\s+seed of all randomness \(default: 1\)/);
});

test('the stack is shown on request only', async () => {
  expect((await run('work in.csv --fail unexpected')).errors).not.toContain('    at ');
  expect((await run('work in.csv --fail unexpected', true)).errors).toContain('    at ');
});

test('text of an attacker does not steer the terminal', async () => {
  const written: string[] = [];
  const stderr = vi.spyOn(process.stderr, 'write').mockImplementation((text) => written.push(String(text)) > 0);
  const stdout = vi.spyOn(process.stdout, 'write').mockImplementation((text) => written.push(String(text)) > 0);
  try {
    const hostile = '\u001b]0;owned\u0007\u202E';
    const context = createCommandContext([]);
    context.print(hostile);
    context.log(`two\nlines ${hostile}`);
    await runProgram(['nonsense-\u001b[2J'], { verbs, version: '1', description: 'test', debug: async () => false });
  } finally {
    stderr.mockRestore();
    stdout.mockRestore();
  }
  expect(written.join('')).toContain('two\nlines');
  expect(written.join('')).not.toMatch(/[^\n\P{Cc}]|\u202E/u);
});
