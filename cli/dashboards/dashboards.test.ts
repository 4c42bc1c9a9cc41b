import type { Panel } from '@grafana/grafana-foundation-sdk/dashboard';
import { describe, expect, test } from 'vitest';
import { checkPromql } from '../../policies/promql/check-promql.ts';
import { dashboards } from './dashboard-files.ts';
import { knownMetrics } from './known-metrics.fixture.ts';
import { withoutGrafanaVariables } from './panel-queries.fixture.ts';
import { namesIn, unknownNames } from './query-names.fixture.ts';

const all = Object.entries(dashboards());
const known = knownMetrics();

interface Target {
  readonly expr: string;
  readonly legendFormat?: string;
}
const panelsOf = (name: string) => (dashboards()[name].panels ?? []) as Panel[];
const targetsOf = ({ targets = [] }: Panel) => targets as unknown as Target[];
const variablesOf = (name: string) => dashboards()[name].templating?.list ?? [];

describe.each(all)('%s', (name, dashboard) => {
  const queries = panelsOf(name).flatMap((panel) => targetsOf(panel).map((target) => [panel.title, target] as const));

  test('asks what Prometheus can answer, of metrics and labels that there are', () => {
    expect(queries.length).toBeGreaterThan(10);
    for (const [title, { expr, legendFormat = '' }] of queries) {
      const query = withoutGrafanaVariables(expr);
      expect(checkPromql(query), `${title}: ${query}`).toBeUndefined();
      expect(unknownNames(query, known), `${title}: ${query}`).toEqual([]);
      const { series, grouping } = namesIn(query);
      const inLegend = [...legendFormat.matchAll(/\{\{(\w+)\}\}/g)].map(([, label]) => label);
      const kept = grouping.length > 0 ? grouping : series.flatMap(({ labels }) => labels);
      for (const label of inLegend) expect(kept, `${title}: legend of ${query}`).toContain(label);
    }
  });

  test('has the variables that its queries and titles use, each of a metric and a label that there are', () => {
    const names = variablesOf(name).map((variable) => variable.name);
    const used = JSON.stringify(dashboard.panels).match(/\$(\w+)|\$\{(?!__data|__url)(\w+)/g) ?? [];
    const grafanas = ['$__rate_interval', '$__range', '${datasource'];
    expect(used.filter((variable) => !grafanas.includes(variable) && !names.includes(variable.slice(1)))).toEqual([]);
    for (const { type, query } of variablesOf(name)) {
      if (type !== 'query') continue;
      const [, series, label] = /^label_values\((.*), (\w+)\)$/.exec(String(query)) ?? [];
      expect(checkPromql(series), series).toBeUndefined();
      expect(unknownNames(`sum by (${label}) (${series})`, known)).toEqual([]);
    }
  });

  test('is laid out in 24 columns, nothing over another', () => {
    const taken = new Set<string>();
    for (const { title, gridPos } of panelsOf(name)) {
      if (gridPos === undefined) throw new Error(`${title} has no place`);
      expect(gridPos.x + gridPos.w, title).toBeLessThanOrEqual(24);
      for (let x = gridPos.x; x < gridPos.x + gridPos.w; x++) {
        for (let y = gridPos.y; y < gridPos.y + gridPos.h; y++) {
          expect(taken.has(`${x},${y}`), `${title} lies over another`).toBe(false);
          taken.add(`${x},${y}`);
        }
      }
    }
    const bottom = Math.max(...panelsOf(name).map(({ gridPos }) => (gridPos?.y ?? 0) + (gridPos?.h ?? 0)));
    // Grafana would move up what has room above it, and the rows would not stay together.
    expect(taken.size / (24 * bottom)).toBeGreaterThan(0.97);
  });

  test('says of every panel what it is, and links to dashboards and variables that there are', () => {
    for (const panel of panelsOf(name).filter(({ type }) => type !== 'row')) {
      expect(panel.description, panel.title).toMatch(/\.$/);
    }
    for (const [, uid, query] of JSON.stringify(dashboard).matchAll(/\/d\/([\w-]+)\?([^"]*)/g)) {
      const theirs = dashboards()[uid].templating?.list?.map((variable) => variable.name);
      for (const [, variable] of query.matchAll(/var-(\w+)=/g)) expect(theirs).toContain(variable);
    }
  });
});

test('a name that nobody exposes is noticed', () => {
  expect(unknownNames('sum by (queu) (rate(duoloop_reconciles_total{resutl="error"}[5m]))', known)).toEqual([
    'duoloop_reconciles_total{resutl}',
    'queu',
  ]);
  expect(unknownNames('duoloop_ticks', known)).toEqual(['duoloop_ticks']);
});
