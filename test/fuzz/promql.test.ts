/** PromQL of ClosedLoops and DeliberativeLoops: checked, analysed, filled in, kept to a namespace. */
import { parser } from '@prometheus-io/lezer-promql';
import fc from 'fast-check';
import { expect } from 'vitest';
import { renderLiveQuery } from '../../env/cluster/live/query-text.ts';
import { UserError } from '../../env/errors.ts';
import { analyseSharing } from '../../operator/closed-loop/sources/query-sharing.ts';
import { parseQueryTemplate, renderQuery } from '../../operator/closed-loop/sources/query-template.ts';
import { groupOf, renderSharedQuery } from '../../operator/closed-loop/sources/shared-query.ts';
import { checkPromql } from '../../policies/promql/check-promql.ts';
import { confineSelectors } from '../../policies/promql/confine-selectors.ts';
import { doubtAboutPromql } from '../../policies/promql/one-series.ts';
import { acceptedQueries } from '../../policies/promql/queries.fixture.ts';
import { hostileText, mutatedText } from './arbitraries.ts';
import { errorOf, fuzz } from './fuzz.ts';

const userError = errorOf(UserError);
const templates = [
  ...acceptedQueries,
  'sum(rate(x{ns="$namespace",app="$target"}[1m])) / sum(y{app="$target",ns="$namespace"})',
  "x{app=~'$target-.*'} or on (a) y{b=`$" + '{own}`}',
];
const query = mutatedText(templates);

/** The shape alone: names of nodes with their places in the tree, without texts. */
const shapeOf = (text: string) => String(parser.parse(text));

fuzz({
  name: 'checks',
  input: query,
  parse: (text) => [checkPromql(text), doubtAboutPromql(text)],
  check: ([problem = 'at 1: none']) => expect(problem).toMatch(/^(line \d+ )?at \d+: ./),
});

fuzz({
  name: 'templates and what is filled in',
  input: fc.tuple(query, hostileText, hostileText),
  parse: ([text, target, own]) => {
    const template = parseQueryTemplate(text);
    const values = { namespace: 'shop', target, own };
    return { template, values, rendered: renderQuery(template, values) };
  },
  throws: userError,
  // No value changes the structure of a query.
  check: ({ template, rendered }) => expect(shapeOf(rendered)).toBe(shapeOf(template.source)),
});

fuzz({
  name: 'shared queries',
  input: fc.tuple(query, hostileText),
  parse: ([text, target]) => {
    const template = parseQueryTemplate(text);
    const sharing = analyseSharing(template);
    if (!sharing.shared) return undefined;
    const group = groupOf(sharing, { namespace: 'shop', target, own: 'x' });
    return group && renderSharedQuery(template, sharing, [group, group.map((value) => `${value}2`)]);
  },
  throws: userError,
  check: (shared = 'x') => expect(shapeOf(shared)).not.toContain('⚠'),
});

fuzz({
  name: 'queries kept to a namespace',
  input: query,
  parse: (text) => confineSelectors(text, { label: 'ns', operator: '=', content: '$namespace' }),
  throws: userError,
  check(confined) {
    let selectors = 0;
    parser.parse(confined).iterate({
      enter({ name, from, to }) {
        if (name !== 'VectorSelector') return;
        selectors++;
        expect(confined.slice(from, to)).toContain('ns="$namespace"');
      },
    });
    expect(confined.split('ns="$namespace"').length - 1).toBeGreaterThanOrEqual(selectors);
  },
});

fuzz({
  name: 'names in queries of the agent',
  input: fc.tuple(fc.array(hostileText, { maxLength: 3 }), fc.array(hostileText, { maxLength: 3 })),
  parse: ([namespaces, workloads]) =>
    renderLiveQuery('sum(x{a=~"$namespaces",b=~"$workloads"})', { namespaces, workloads, windowSeconds: 30 }),
  check: (text) => expect(text).toMatch(/^sum\(x\{a=~"[-a-z0-9.|\\]+",b=~"[-a-z0-9.|\\]+"\}\)$/),
});
