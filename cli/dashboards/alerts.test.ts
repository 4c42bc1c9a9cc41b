import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { checkPromql } from '../../policies/promql/check-promql.ts';
import { repositoryRoot } from '../repository-root.ts';
import { knownMetrics } from './known-metrics.fixture.ts';
import { namesIn, unknownNames } from './query-names.fixture.ts';

interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly for: string;
  readonly labels: { readonly severity: string };
  readonly annotations: Readonly<Record<string, string>>;
}
interface RuleTest {
  readonly alert_rule_test: readonly { readonly alertname: string; readonly exp_alerts: readonly unknown[] }[];
}

const known = knownMetrics();
const read = (path: string) => readFile(join(repositoryRoot, path), 'utf8');
const groups = parse(await read('manifests/alerts/duoloop.rules.yaml')).groups as { name: string; rules: Rule[] }[];
const rules = groups.flatMap((group) => group.rules);

describe.each(rules.map((rule) => [rule.alert, rule] as const))('%s', (_name, { expr, annotations, ...rule }) => {
  test('asks of metrics and labels that there are', () => {
    expect(checkPromql(expr)).toBeUndefined();
    expect(unknownNames(expr, known)).toEqual([]);
  });

  test('says what it means with labels that it keeps, how bad it is, and where to read on', async () => {
    expect(['critical', 'warning', 'info']).toContain(rule.labels.severity);
    expect(rule.for).toMatch(/^\d+[mh]$/);
    const { grouping } = namesIn(expr);
    for (const [, label] of `${annotations.summary}${annotations.description}`.matchAll(/\$labels\.(\w+)/g)) {
      expect(grouping).toContain(label);
    }
    const [file, anchor] = annotations.runbook_url.split('#');
    expect(headingsOf(await read(file))).toContain(anchor);
  });
});

test('every heading of the runbooks is that of an alert', async () => {
  const anchors = new Set(rules.map(({ annotations }) => annotations.runbook_url.split('#')[1]));
  expect(headingsOf(await read('docs/runbooks.md'))).toEqual([...anchors]);
});

describe('unit tests of the rules', () => {
  let tests: RuleTest['alert_rule_test'];
  beforeAll(async () => {
    const files = groups.map(({ name }) => read(`manifests/alerts/${name.replace('duoloop-', '')}.test.yaml`));
    const parsed = (await Promise.all(files)).flatMap((file) => parse(file).tests as RuleTest[]);
    tests = parsed.flatMap(({ alert_rule_test }) => alert_rule_test);
  });

  test.each(rules.map(({ alert }) => alert))('see %s fire and not fire', (alert) => {
    const expected = tests.filter(({ alertname }) => alertname === alert).map(({ exp_alerts }) => exp_alerts.length);
    expect(expected).toContain(0);
    expect(Math.max(...expected)).toBeGreaterThan(0);
  });
});

/** Of the second level, as the anchors that links to them use. */
function headingsOf(markdown: string): string[] {
  const headings = [...markdown.matchAll(/^## (.+)$/gm)].map(([, heading]) => heading);
  return headings.map((heading) =>
    heading
      .toLowerCase()
      .replace(/[^\w\- ]/g, '')
      .replaceAll(' ', '-'),
  );
}
