import { describe, expect, test } from 'vitest';
import { checkPromql } from './check-promql.ts';
import { acceptedQueries, refusedQueries } from './queries.fixture.ts';

describe('checkPromql', () => {
  test.each(acceptedQueries)('has nothing against %s', (query) => {
    expect(checkPromql(query)).toBeUndefined();
  });

  test.each(refusedQueries)('refuses %s', (query, message) => {
    expect(checkPromql(query)).toBe(message);
  });
});
