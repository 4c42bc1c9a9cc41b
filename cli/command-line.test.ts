import { execFile } from 'node:child_process';
import { describe, expect, test } from 'vitest';
import { verbs } from '../cli.ts';
import { createCommandContext } from './command-context.ts';
import { takeCommandLine } from './take-command-line.fixture.ts';

const executable = new URL('../bin/duoloop.mjs', import.meta.url).pathname;

function duoloop(...args: string[]): Promise<{ exitCode: number; stdout: string; stderr: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, [executable, ...args], (error, stdout, stderr) => {
      resolve({ exitCode: error === null ? 0 : Number(error.code), stdout, stderr });
    });
  });
}

describe('the executable', () => {
  test('lists every verb', async () => {
    const { exitCode, stdout } = await duoloop('--help');
    expect(exitCode).toBe(0);
    for (const { name } of verbs) expect(stdout).toMatch(new RegExp(`^  ${name}\\b`, 'm'));
  });

  test('ends with 2 and a word on stderr when used wrongly', async () => {
    const { exitCode, stdout, stderr } = await duoloop('nonsense');
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' });
    expect(stderr).toContain("unknown command 'nonsense'");
  });
});

test.each(verbs.map((verb) => [verb.name, verb] as const))('duoloop %s takes its own examples', async (name, verb) => {
  const { command } = await verb.load();
  expect(command.examples.length).toBeGreaterThan(0);
  for (const example of command.examples) {
    const [program, ...words] = (example.match(/'[^']*'|\S+/g) ?? []).map((word) => word.replaceAll("'", ''));
    expect([program, words[0]]).toEqual(['duoloop', name]);
    expect({ example, ...(await takeCommandLine([verb], words)) }).toEqual({
      example,
      exitCode: 0,
      errors: [],
      runs: 1,
    });
  }
});

test('the command line in reports can be pasted into a shell', () => {
  const { commandLine } = createCommandContext(['compare', '--out', "it's here", '--capacity', '0:1,60:0.7']);
  expect(commandLine).toBe(`duoloop compare --out 'it'\\''s here' --capacity 0:1,60:0.7`);
});

test('the command line in reports is without passwords', () => {
  const { commandLine } = createCommandContext(['calibrate', '--prometheus', 'https://user:p%2F@prometheus:9090/x']);
  expect(commandLine).toBe('duoloop calibrate --prometheus https://prometheus:9090/x');
});
