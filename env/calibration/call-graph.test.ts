import { describe, expect, it } from 'vitest';
import { buildCallGraph, parseCalls } from './call-graph.ts';

const visits = new Map([
  ['web', 1],
  ['db', 1.5],
  ['auth', 0.5],
  ['store', 2],
]);

describe('buildCallGraph', () => {
  it('orders services so that calls go forward, and tells visits from request rates', () => {
    const graph = buildCallGraph(visits, parseCalls(['store:db', 'web:auth', 'web:store', 'auth:db:1']));
    expect(graph.services).toEqual(['web', 'auth', 'store', 'db']);
    const named = graph.calls.map(({ from, to, perVisit }) => [graph.services[from], graph.services[to], perVisit]);
    // Of 1.5 visits of db a request makes 0.5 by way of auth.
    expect(named).toEqual([
      ['store', 'db', 0.5],
      ['web', 'auth', 0.5],
      ['web', 'store', 2],
      ['auth', 'db', 1],
    ]);
    expect(graph.warnings).toEqual([]);
  });

  it('takes all to be called by the entry where nothing is said', () => {
    const graph = buildCallGraph(visits, []);
    expect(graph.calls.map(({ from, perVisit }) => [from, perVisit])).toEqual([
      [0, 1.5],
      [0, 0.5],
      [0, 2],
    ]);
    expect(graph.warnings).toHaveLength(1);
  });

  it('says where calls and request rates disagree', () => {
    const { warnings } = buildCallGraph(visits, parseCalls(['web:auth:0.5', 'web:store:2', 'store:db:1']));
    expect(warnings).toEqual(['db: by --calls 2 visits per request, by request rates 1.5']);
  });

  it.each([
    [['web:auth', 'web:store', 'web:db', 'store:db'], 'give the visits for all but one'],
    [['web:auth', 'web:store', 'store:db', 'db:store'], 'circle among'],
    [['store:web', 'web:auth', 'web:store', 'web:db:1'], 'circle among'],
    [['web:auth', 'web:store'], 'nobody calls db'],
    [['web:cache'], 'no service cache'],
    [['web:auth', 'web:store', 'web:db:2', 'store:db'], 'nothing is left'],
    [['web:auth', 'web:auth:2'], 'given twice'],
    [['web>auth'], 'is not caller:called'],
    [['web:auth:-1'], 'is not caller:called'],
  ])('refuses %j', (calls, words) => {
    expect(() => buildCallGraph(visits, parseCalls(calls))).toThrow(
      expect.objectContaining({ code: 'CALLS_INVALID', message: expect.stringContaining(words) }),
    );
  });
});
