/** docs/reference/files.md: the files that verbs read and write, by the schemas that check them. */
import { z } from 'zod';
import { appModelSchema } from '../../../env/apps/app-model.ts';
import { formatTrace } from '../../../env/workload/trace.ts';
import { checkpointSchema } from '../../../policies/actor-critic/checkpoint.ts';
import { comparisonRowsSchema, seriesColumns } from '../../../training/comparison-files.ts';
import { code, fenced, generatedNote, link, listItem, plain, sentence, wrap } from './markdown.ts';
import { type JsonSchema, objectSections, type SchemaText } from './schema-fields.ts';

const shortTrace = { name: 'short', seconds: [0, 30, 60], rps: [120, 180.5, 0] };

export function filesPage(): string {
  const described = new Map<string, string>();
  const sections = (schema: JsonSchema, owner: string) => {
    const text: SchemaText = { headingMarks: '###', owner, described };
    return objectSections(schema, '', text);
  };
  const headings = ['Trace', 'App model', 'Checkpoint', 'Comparison', 'Series', 'History'];
  return `${[
    generatedNote('the schemas of the files'),
    '# Files',
    wrap(
      'What verbs read and write. A missing or wrong field is refused by its name; so is, in app models and checkpoints, a field that is not named here.',
    ),
    headings.map((heading) => listItem(link(heading, heading))).join('\n'),
    '## Trace',
    wrap(
      'CSV: load over time. Seconds increase strictly from 0; load is held until the next row, and the last row ends the trace. Its ' +
        `name is the file's base name. ${code('duoloop trace')} and ${code('duoloop calibrate')} write them.`,
    ),
    fenced(formatTrace(shortTrace), 'csv'),
    '## App model',
    wrap(
      `JSON: what the simulator knows of an application. ${code('duoloop calibrate')} makes one; those in ` +
        '[env/apps](../../env/apps) are shipped. [App models](../app-models.md) says how to write one by hand.',
    ),
    ...sections(jsonSchema(appModelSchema), 'App model'),
    '## Checkpoint',
    wrap(
      `A folder, or a ConfigMap, with ${code('checkpoint.json')}, ${code('weights.bin')} (float32, little-endian) and, to go on ` +
        `training, ${code('optimizer.bin')}. ${code('duoloop inspect')} reads it for people.`,
    ),
    ...sections(withoutLoop(jsonSchema(checkpointSchema)), 'Checkpoint'),
    '## Comparison',
    wrap(`JSON of ${code('duoloop compare --json')}: a list with an object for each policy on each trace.`),
    ...sections(jsonSchema(comparisonRowsSchema).items ?? {}, 'Comparison'),
    '## Series',
    wrap(
      `CSV of ${code('duoloop compare --series')}: ${code('TRACE.POLICY.csv')}, every character of the policy's name outside ` +
        `${code('[A-Za-z0-9_-]')} replaced by ${code('_')}. An application with several services has the columns after ${code('second')} once more for each, ` +
        `as ${code('SERVICE.rps')} and so on.`,
    ),
    columnItems(seriesColumns),
    '## History',
    wrap(
      `CSV or Parquet of ${code('duoloop record')}, for ${code('duoloop calibrate --history')}: its columns are in ` +
        '[calibration](../calibration.md#the-csv-of-measurements).',
    ),
  ].join('\n\n')}\n`;
}

const jsonSchema = (schema: z.ZodType) => z.toJSONSchema(schema, { io: 'input' }) as JsonSchema;

/** Its fields are those of a ClosedLoop, which resources.md has. */
function withoutLoop(schema: JsonSchema): JsonSchema {
  const { properties: _, ...loop } = schema.properties?.loop ?? {};
  return { ...schema, properties: { ...schema.properties, loop } };
}

function columnItems(columns: Readonly<Record<string, string>>): string {
  return Object.entries(columns)
    .map(([name, meaning]) => listItem(`**${code(name)}**: ${sentence(plain(meaning))}`))
    .join('\n');
}
