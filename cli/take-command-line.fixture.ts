/** Whether a command line would be taken, without running it. */
import { vi } from 'vitest';
import type { Verb } from './program.ts';
import { runProgram } from './program.ts';

export interface TakenCommandLine {
  readonly exitCode: number;
  readonly errors: readonly string[];
  /** How often the verb would have run: 0 for `--help` and what is refused. */
  readonly runs: number;
}

/** @param words what follows `duoloop` */
export async function takeCommandLine(verbs: readonly Verb[], words: readonly string[]): Promise<TakenCommandLine> {
  const run = vi.fn(async () => undefined);
  const errors: string[] = [];
  const exitCode = await runProgram(words, {
    verbs: verbs.map((verb) => ({
      ...verb,
      load: async () => ({ command: { ...(await verb.load()).command, run } }),
    })),
    version: '',
    description: '',
    debug: async () => false,
    writeError: (text) => errors.push(text),
    context: { signal: new AbortController().signal, print: () => {}, log: () => {}, commandLine: words.join(' ') },
  });
  return { exitCode, errors, runs: run.mock.calls.length };
}
