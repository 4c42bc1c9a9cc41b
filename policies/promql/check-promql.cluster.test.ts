import { afterAll, beforeAll, expect, test } from 'vitest';
import { type StandaloneComponent, startPrometheus } from '../../env/lab/monitoring.ts';
import { describeCluster } from '../../test/cluster.ts';
import { acceptedQueries, refusedQueries } from './queries.fixture.ts';

/** What Prometheus says of a query: the type of its result, or where and why it does not take it. */
type Verdict = { readonly type: string } | { readonly place: string };

describeCluster('the real Prometheus', () => {
  let prometheus: StandaloneComponent;
  beforeAll(async () => {
    prometheus = await startPrometheus();
  });
  afterAll(() => prometheus.stop());

  async function ask(query: string): Promise<Verdict> {
    const answer = await fetch(`${prometheus.url}/api/v1/query`, {
      method: 'POST',
      body: new URLSearchParams({ query }),
    });
    const reply = (await answer.json()) as { data?: { resultType: string }; error?: string };
    if (reply.data) return { type: reply.data.resultType };
    const place = /(\d+):(\d+): parse error/.exec(reply.error ?? '');
    return { place: place ? `line ${place[1]} at ${place[2]}` : 'unknown' };
  }

  test.each(acceptedQueries)('takes %s', async (query) => {
    expect(await ask(query)).toEqual({ type: expect.stringMatching(/^(vector|scalar)$/) });
  });

  test.each(refusedQueries)('does not take %s, or gives no number for it', async (query, ours) => {
    const verdict = await ask(query);
    if ('type' in verdict) {
      expect(verdict.type).toMatch(/^(matrix|string)$/);
      expect(ours).toMatch(/ gives (a range|text)/);
      return;
    }
    // For a mistake in the text itself we name the very place that Prometheus names.
    const isSyntax = /does not fit here|ends too early|there is no function/.test(ours);
    if (isSyntax) expect(ours.startsWith('line ') ? ours : `line 1 ${ours}`).toMatch(new RegExp(`^${verdict.place}:`));
  });
});
