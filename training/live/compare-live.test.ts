import { describe, expect, it } from 'vitest';
import { command } from '../compare-command.ts';

describe('what duoloop compare takes', () => {
  const problems = (typed: object) =>
    command.schema.safeParse(typed).error?.issues.map(({ path, message }) => `${String(path[0])} ${message}`);
  it('with --live is Prometheus and namespaces, and without it traces and policies', () => {
    expect(problems({ app: 'frontend' })).toEqual([
      'trace is needed without --live',
      'policy is needed without --live',
    ]);
    expect(problems({ app: 'frontend', live: true })).toEqual([
      'prometheus is needed with --live',
      'namespaces is needed with --live',
    ]);
    const live = { app: 'frontend', live: true, prometheus: 'http://localhost:9090', namespaces: ['a=b'] };
    expect(problems({ ...live, trace: ['x.csv'] })).toEqual([
      'trace belongs to the simulator; leave it out with --live',
    ]);
    expect(problems({ app: 'frontend', trace: ['x'], policy: ['hpa'], range: '2h' })).toEqual(['range needs --live']);
    expect(problems({ ...live, namespaces: ['shop'] })?.[0]).toMatch(/"shop" is not policy=namespace/);
  });
});
