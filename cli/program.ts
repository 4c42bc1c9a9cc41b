/** Builds the command-line program from a table of verbs, and turns what happens into an exit code. */
import { CommanderError, Command as Program } from 'commander';
import type { z } from 'zod';
import type { Command, CommandContext } from '../env/command.ts';
import { UserError } from '../env/errors.ts';
import { withoutTerminalControls } from '../env/report/printable.ts';
import { createCommandContext } from './command-context.ts';

export const exitCodes = { ok: 0, failed: 1, wrongUse: 2 } as const;

/** A row of the table in cli.ts: enough for `duoloop --help`, so that only the verb that is used gets loaded. */
export interface Verb {
  readonly name: string;
  readonly summary: string;
  load(): Promise<{ command: Command }>;
}

export interface ProgramOptions {
  readonly verbs: readonly Verb[];
  readonly version: string;
  readonly description: string;
  /** Asked after an unexpected error: whether to show its stack. */
  debug(): Promise<boolean>;
  readonly context?: CommandContext;
  readonly writeError?: (text: string) => void;
}

/** Runs one command line (without interpreter and script) and resolves to its exit code; throws nothing. */
export async function runProgram(argv: readonly string[], options: ProgramOptions): Promise<number> {
  const context = options.context ?? createCommandContext(argv);
  const writeError = options.writeError ?? ((text: string) => process.stderr.write(withoutTerminalControls(text)));
  const outcome = { exitCode: exitCodes.ok as number };
  try {
    const program = await buildProgram(argv, options, context, writeError, outcome);
    await program.parseAsync(argv.length === 0 ? ['--help'] : [...argv], { from: 'user' });
    return outcome.exitCode;
  } catch (error) {
    // Commander has printed its message by now; help and version end with its exit code 0.
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.ok : exitCodes.wrongUse;
    if (error instanceof UserError) {
      writeError(`error: ${error.message}\n`);
      return exitCodes.wrongUse;
    }
    const failure = error instanceof Error ? error : new Error(String(error));
    writeError(`error: ${failure.message}\n`);
    writeError((await options.debug()) ? `${failure.stack}\n` : 'Set DUOLOOP_DEBUG=1 to see where this comes from.\n');
    return exitCodes.failed;
  }
}

async function buildProgram(
  argv: readonly string[],
  { verbs, version, description }: ProgramOptions,
  context: CommandContext,
  writeError: (text: string) => void,
  outcome: { exitCode: number },
): Promise<Program> {
  const program = new Program('duoloop')
    .description(description)
    .version(version)
    .helpCommand(false)
    .exitOverride()
    .configureOutput({ writeOut: (text) => context.print(text.trimEnd()), writeErr: writeError })
    .showHelpAfterError('Run it with --help to see what it takes.')
    .showSuggestionAfterError()
    .usage('<verb> [options]')
    .addHelpText('after', '\nEvery verb has examples: duoloop <verb> --help');
  for (const verb of verbs) {
    // Settings such as exitOverride are inherited by what `command` creates.
    const subcommand = program.command(verb.name).description(verb.summary);
    if (argv[0] === verb.name) await describe(subcommand, (await verb.load()).command, context, outcome);
  }
  return program;
}

async function describe(
  subcommand: Program,
  command: Command,
  context: CommandContext,
  outcome: { exitCode: number },
): Promise<void> {
  const defaults = await schemaDefaults(command.schema);
  for (const argument of command.arguments ?? []) subcommand.argument(argument.name, argument.description);
  for (const { flags, description } of command.options) {
    const option = subcommand.createOption(flags, description);
    const value = defaults.get(option.attributeName());
    // A `--no-…` flag is off by default, whatever it turns off.
    if (value !== undefined && value !== false && !option.negate)
      option.description += ` (default: ${describeValue(value)})`;
    subcommand.addOption(option);
  }
  const examples = command.examples.map((example) => `  ${example}`).join('\n');
  subcommand.addHelpText('after', `\n${command.examples.length > 1 ? 'Examples' : 'Example'}:\n${examples}`);
  subcommand.action(async () => {
    const typed: Record<string, unknown> = { ...subcommand.opts() };
    for (const [i, argument] of subcommand.registeredArguments.entries()) {
      if (subcommand.processedArgs[i] !== undefined) typed[camelCase(argument.name())] = subcommand.processedArgs[i];
    }
    outcome.exitCode = (await command.run(parseInput(command, typed, subcommand), context)) ?? exitCodes.ok;
  });
}

function parseInput(command: Command, typed: Record<string, unknown>, subcommand: Program): unknown {
  const parsed = command.schema.safeParse(typed);
  if (parsed.success) return parsed.data;
  const lines = parsed.error.issues.map((issue) => {
    const key = String(issue.path[0] ?? '');
    const option = subcommand.options.find((candidate) => candidate.attributeName() === key);
    const value = typed[key];
    const given = value === undefined ? 'is missing' : `"${describeValue(value)}"`;
    return `${option?.long ?? (key || 'options')} ${given}: ${issue.message}`;
  });
  throw new UserError('cli.input', `${lines.join('; ')}. See duoloop ${subcommand.name()} --help`, {
    cause: parsed.error,
  });
}

/** Defaults of the schema's keys, for the help text. */
async function schemaDefaults(schema: z.ZodType): Promise<Map<string, unknown>> {
  // A verb brings zod with it; the list of verbs does without, which halves its time.
  const { z } = await import('zod');
  const json = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' });
  const properties = Object.entries(json.properties ?? {});
  return new Map(
    properties.map(([key, property]) => [key, typeof property === 'object' ? property.default : undefined]),
  );
}

function describeValue(value: unknown): string {
  return Array.isArray(value) ? value.join(' ') : String(value);
}

function camelCase(name: string): string {
  return name.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());
}
