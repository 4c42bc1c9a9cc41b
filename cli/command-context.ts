/** What a verb gets from a real process: its streams, and Ctrl-C as an abort signal. */
import type { CommandContext } from '../env/command.ts';
import { withoutTerminalControls } from '../env/report/printable.ts';

export function createCommandContext(argv: readonly string[]): CommandContext {
  let controller: AbortController | undefined;
  return {
    commandLine: ['duoloop', ...argv.map(withoutPassword).map(quoteForShell)].join(' '),
    print: (line) => {
      process.stdout.write(`${withoutTerminalControls(line)}\n`);
    },
    log: (line) => {
      process.stderr.write(`${withoutTerminalControls(line)}\n`);
    },
    get signal() {
      controller ??= abortOnInterrupt();
      return controller.signal;
    },
  };
}

function abortOnInterrupt(): AbortController {
  const controller = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM'] as const) {
    // Once: a second one of the same kind meets the default handler, which ends the process.
    process.once(name, () => controller.abort(new Error(`stopped by ${name}`)));
  }
  return controller;
}

/** Reports show the command that made them, and are shown around: not with `http://user:password@host`. */
function withoutPassword(word: string): string {
  return word.replace(/(\w:\/\/)[^/?#\s]*@/g, '$1');
}

function quoteForShell(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}
