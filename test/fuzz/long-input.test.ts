/**
 * Long texts of few characters: what a pattern that backtracks takes minutes for. Before they were mended, a push of 60,000
 * digits held the operator up for 13 s, a query of 4,096 characters for 5 s, a selector of 100,000 commas for 9 s.
 */
import { test } from 'vitest';
import { isOwnHost } from '../../cli/watch/host-check.ts';
import { parseHistoryCsv } from '../../env/calibration/history-csv.ts';
import { durationSchema } from '../../env/cluster/command-options.ts';
import { parseKubeconfig } from '../../env/cluster/kube-context.ts';
import { UserError } from '../../env/errors.ts';
import { printable, withoutTerminalControls } from '../../env/report/printable.ts';
import { parseCapacity } from '../../env/simulator/capacity.ts';
import { parseTrace } from '../../env/workload/trace.ts';
import { valueAt } from '../../operator/closed-loop/json-path.ts';
import { toNumber } from '../../operator/closed-loop/sources/json-number.ts';
import { parseLabelSelector } from '../../operator/closed-loop/sources/label-selector.ts';
import { analyseSharing } from '../../operator/closed-loop/sources/query-sharing.ts';
import { parseQueryTemplate } from '../../operator/closed-loop/sources/query-template.ts';
import { parseGroups } from '../../operator/groups/parse-groups.ts';
import { parseQuantity } from '../../operator/workloads/quantity.ts';
import { checkPromql } from '../../policies/promql/check-promql.ts';
import { confineSelectors } from '../../policies/promql/confine-selectors.ts';
import { objectName, timestamp } from '../../policies/resources/resource.ts';

const repeated = [
  '1',
  'a',
  '-',
  '.',
  ',',
  ' ',
  '\\',
  '(',
  '[',
  '{',
  '"',
  '#',
  '=',
  '%',
  '\n',
  '\t',
  'a-',
  '1.',
  'a,',
  '$x',
  '..',
  '\\"',
];
/** Before and after what is repeated: the end that a pattern hopes for, and one that it does not. */
const frames = [
  ['', ''],
  ['1', 'x'],
  ['a', '('],
] as const;
const texts = (length: number) =>
  repeated.flatMap((part) => frames.map(([before, after]) => before + part.repeat(length / part.length) + after));

const attempt = (parse: () => unknown) => {
  try {
    parse();
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
  }
};
/** Enough for what is linear, on a busy machine; what is quadratic takes a minute. */
const limitMilliseconds = 30_000;

const anyLength: Readonly<Record<string, (text: string) => unknown>> = {
  'trace CSV': (text) => parseTrace(`second,rps\n${text}`, 'a', 'a.csv'),
  'history CSV': (text) => parseHistoryCsv(`# ${text}\n`, 'a.csv'),
  'groups.txt': (text) => parseGroups(text, 'groups.txt'),
  quantities: parseQuantity,
  'numbers in JSON': toNumber,
  durations: (text) => durationSchema.safeParse(text),
  timestamps: (text) => timestamp.safeParse(`2026-11-21T12:01:10.${text}`),
  names: (text) => objectName.safeParse(text),
  'capacity lists': parseCapacity,
  'label selectors': parseLabelSelector,
  'dotted paths': (text) => valueAt({ a: { b: 1 } }, text),
  'Host headers': (text) => isOwnHost(text, []),
  kubeconfigs: (text) => parseKubeconfig(text.slice(0, 2000), 'config'),
  'terminal lines': (text) => [printable(text, text.length), withoutTerminalControls(text)],
};
test.each(Object.entries(anyLength))(
  '%s of 100,000 characters',
  (_, parse) => {
    for (const text of texts(100_000)) attempt(() => parse(text));
  },
  limitMilliseconds,
);

/** As long as the custom resource lets them be. */
const promql: Readonly<Record<string, (text: string) => unknown>> = {
  checks: checkPromql,
  templates: parseQueryTemplate,
  'shared queries': (text) => analyseSharing(parseQueryTemplate(text)),
  'queries kept to a namespace': (text) => confineSelectors(text, { label: 'ns', operator: '=', content: 'a' }),
};
test.each(Object.entries(promql))(
  'PromQL of 4,096 characters: %s',
  (_, parse) => {
    const escapes = `x{a="${'\\\\'.repeat(1000)}a${'$x'.repeat(1000)}"}`;
    const nested = ['(', 'sum(', '-'].map((part) => `${part.repeat(800)}x{a="$target"}${')'.repeat(800)}`);
    // Ten times: what took 5 s then takes longer than the limit.
    for (const text of [...texts(2000), ...nested, ...Array.from({ length: 10 }, () => escapes)])
      attempt(() => parse(text));
  },
  limitMilliseconds,
);
