/**
 * The contract of a verb of the `duoloop` command. A verb lives in the folder of what it does and exports a `command`;
 * cli.ts names it. Here because every folder may import from env.
 */
import type { z } from 'zod';

export interface CommandOption {
  /** In commander's notation: `--seed <n>`, `-o, --out <folder>`, `--trace <file...>` (repeatable), `--json` (a switch). */
  readonly flags: string;
  /** One line; a default in the command's schema is appended to it. */
  readonly description: string;
}

export interface CommandArgument {
  /** In commander's notation: `<checkpoint>`, `[folder]`, `<files...>`. */
  readonly name: string;
  readonly description: string;
}

/** What a verb gets from the process that runs it. */
export interface CommandContext {
  /**
   * Aborted by the first Ctrl-C or SIGTERM; a second one ends the process at once. The handlers are installed when the
   * signal is first read, so that a verb that never reads it is simply interrupted.
   */
  readonly signal: AbortSignal;
  /** Writes a line of the result to stdout. */
  print(line: string): void;
  /** Writes a line about progress to stderr, where it does not disturb a program that reads the result. */
  log(line: string): void;
  /** The command line as typed, for reports that say how they were made. */
  readonly commandLine: string;
}

export interface Command<Input = unknown> {
  /** Complete command lines that work, shown by `--help`; they begin with `duoloop `. */
  readonly examples: readonly string[];
  readonly arguments?: readonly CommandArgument[];
  readonly options: readonly CommandOption[];
  /**
   * Parses what was typed, keyed by the camel-cased long flag or argument name: strings (use `z.coerce.number()`), arrays
   * of strings for repeatable ones, `true` for switches; absent when not given. The only home of defaults.
   */
  readonly schema: z.ZodType<Input>;
  /**
   * Does the work; resolves to the exit code (0 when void). A `UserError` ends the process with 2, anything else thrown
   * with 1.
   */
  run(input: Input, context: CommandContext): Promise<number | undefined>;
}

/** Gives `run` its input type from the schema. */
export function defineCommand<Input>(command: Command<Input>): Command {
  return command as Command;
}
