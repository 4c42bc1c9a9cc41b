/** docs/reference/commands.md: every verb, by the definitions that parse its command line. */
import { Option } from 'commander';
import { z } from 'zod';
import type { Command } from '../../../env/command.ts';
import { environmentVariables } from '../../../env/settings.ts';
import { exitCodes, type Verb } from '../../program.ts';
import { code, fenced, generatedNote, link, listItem, plain, sentence, wrap } from './markdown.ts';
import { boundTexts, type JsonSchema, typeText } from './schema-fields.ts';

const exitMeanings: Readonly<Record<keyof typeof exitCodes, string>> = {
  ok: 'done.',
  failed: 'it could not be done; the last line on stderr says why.',
  wrongUse: 'wrong use: a flag, a file or a name; the message says what is wrong, where, and what to do.',
};

export async function commandsPage(verbs: readonly Verb[]): Promise<string> {
  const loaded = await Promise.all(verbs.map(async (verb) => ({ verb, command: (await verb.load()).command })));
  const intro = [
    generatedNote('the verbs that cli.ts names'),
    '# Commands',
    wrap(
      `In a checkout ${code('npm run duoloop -- VERB …')}, installed ${code('duoloop VERB …')}. ${code('duoloop VERB --help')} has a ` +
        "verb's flags and examples. Results go to stdout, progress and notes to stderr. Where a flag takes a file for JSON, " +
        `${code('-')} is stdout.`,
    ),
    verbs.map(({ name, summary }) => listItem(`${link(name, name)}: ${sentence(summary)}`)).join('\n'),
    '## Exit codes',
    Object.entries(exitCodes)
      .map(([name, exitCode]) => listItem(`${code(String(exitCode))}: ${exitMeanings[name as keyof typeof exitCodes]}`))
      .join('\n'),
    '## Environment variables',
    environmentVariables
      .map(({ name, description }) => listItem(`**${code(name)}**: ${sentence(plain(description))}`))
      .join('\n'),
  ];
  return `${[...intro, ...loaded.flatMap(({ verb, command }) => verbSections(verb, command))].join('\n\n')}\n`;
}

function verbSections({ name, summary }: Verb, command: Command): string[] {
  const schema = z.toJSONSchema(command.schema, { io: 'input', unrepresentable: 'any' }) as JsonSchema;
  const usage = [`duoloop ${name}`, ...(command.arguments ?? []).map((argument) => argument.name), '[options]'].join(
    ' ',
  );
  const items = [
    ...(command.arguments ?? []).map((argument) =>
      listItem(`**${code(argument.name)}**: ${sentence(plain(argument.description))}`),
    ),
    ...command.options.map(({ flags, description }) => optionItem(new Option(flags, description), schema)),
  ];
  return [
    `## ${name}`,
    wrap(`${sentence(capitalized(summary))} Usage: ${code(usage)}`),
    ...(items.length > 0 ? [items.join('\n')] : []),
    // For the test of documents, which runs what it can: here each command is only taken by its verb.
    `<!-- needs files and clusters of one's own -->\n${fenced(command.examples.join('\n'), 'sh')}`,
  ];
}

function optionItem(option: Option, schema: JsonSchema): string {
  const key = option.attributeName();
  const field = schema.properties?.[key] ?? {};
  const isRequired = (schema.required ?? []).includes(key) && field.default === undefined;
  const facts = [
    isRequired ? '**required**' : '',
    ...(option.isBoolean() ? [] : valueTexts(field)),
    option.negate ? '' : defaultText(field),
  ].filter((fact) => fact !== '');
  const told = facts.length > 0 ? ` (${facts.join(', ')})` : '';
  return listItem(`**${code(option.flags)}**${told}: ${sentence(plain(option.description))}`);
}

/** What a value may be, where it is more than any text. */
function valueTexts(field: JsonSchema): string[] {
  const of = field.items ?? field;
  if (of.enum !== undefined) return [typeText(of)];
  const words = of.type === 'integer' || of.type === 'number' ? [of.type] : [];
  return [...words, ...boundTexts({ ...of, pattern: undefined, minLength: undefined })];
}

function defaultText({ default: value }: JsonSchema): string {
  if (value === undefined || value === false || (Array.isArray(value) && value.length === 0)) return '';
  return `default ${code(Array.isArray(value) ? value.join(' ') : String(value))}`;
}

const capitalized = (text: string) => text.charAt(0).toUpperCase() + text.slice(1);
