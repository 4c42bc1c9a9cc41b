import { describe, expect, it } from 'vitest';
import { historyWindow } from './history.ts';
import { type LivePage, livePage, pageUpdate } from './live-page.ts';
import { pageShell } from './page-shell.ts';
import { changeLines, tableText } from './text-face.ts';
import { watchView } from './view.ts';
import {
  busySnapshot,
  closedLoop,
  condition,
  decision,
  deliberativeLoop,
  measurement,
  now,
  snapshot,
  workload,
} from './watch.fixture.ts';
import type { Sight } from './watch.ts';

const window = historyWindow(1800, 5);

function sightOf(of = busySnapshot()): Sight {
  const view = watchView(of);
  const points = Array.from({ length: 180 }, (_, i) => ({
    second: now - 1800 + 10 * i,
    load: 100 + i,
    p95Milliseconds: i === 90 ? undefined : 200 + i,
    desired: 3 + (i % 4),
    ready: 3,
    setPoint: 4,
    hpaWouldBe: 6,
  }));
  return { view, window, histories: new Map(view.closedLoops.map(({ key }) => [key, points])) };
}

/** What a tenant might write to run a script in somebody's browser or to move somebody's cursor. */
const evil = `<img src=x onerror=alert(1)>"'\u001b[2J\u202E</script><script>alert(1)</script>`;
function hostileSight(): Sight {
  const web = closedLoop('web', {
    status: {
      ranks: { [evil]: 1 },
      lastDecision: decision({
        message: evil,
        action: evil,
        losers: [evil],
        clampedBy: [evil],
        missing: [{ name: 'cpu', reason: evil }],
      }),
      recentDecisions: [],
      conditions: [condition('Ready', 'False', evil, evil)],
    },
  });
  const agent = deliberativeLoop('tuner', {
    status: {
      proposals: [{ closedLoop: 'web', time: decision().time, ranks: { [evil]: 1 } }],
      policy: { name: evil, sha256: evil },
      agent: { identity: evil, renewTime: decision().time },
      canary: { sha256: evil, since: decision().time, decisions: 1, abstentions: 1 },
      conditions: [condition('Ready', 'False', evil, evil)],
    },
  });
  const named = (name: string) => ({ ...closedLoop('web'), metadata: { name, namespace: evil } });
  const sight = sightOf(
    snapshot({
      server: evil,
      objects: {
        closedLoops: [web, named('x'), named(evil)],
        deliberativeLoops: [agent],
        workloads: [workload('web', 1, 1)],
      },
      sources: [{ name: evil, state: 'lost', message: evil, lastSeenSecond: now }],
      measurements: new Map([['shop/web', measurement('shop/web', 1, 2, [evil])]]),
    }),
  );
  return sight;
}

const paths = ['/', '/loops/shop/web'] as const;

describe.each(paths)('the page %s', (path) => {
  it('is one document that runs its own script alone and fetches nothing else', () => {
    const document = pageShell({ path, html: livePage(sightOf(), path).html, second: now });
    expect(document.match(/<script/g)).toHaveLength(1);
    const html = document.replace(/<script>[\s\S]*<\/script>/, '');
    expect(html).toMatch(/script-src 'sha256-[\w+/]+={0,2}'; connect-src 'self'/);
    expect(html).not.toMatch(/<link|<img|@import|src="|href="(?![/#])/);
    const ids = [...html.matchAll(/\sid="([^"]+)"/g)].map(([, id]) => id);
    expect(new Set(ids).size).toBe(ids.length);
    const references = [...html.matchAll(/url\(#([^)]+)\)|aria-labelledby="([^"]+)"/g)].flatMap(([, url, labels]) =>
      (url ?? labels).split(' '),
    );
    expect(references.filter((id) => !ids.includes(id))).toEqual([]);
    expect(html).not.toMatch(/NaN|Infinity|undefined|\[object/);
  });

  it('escapes what anybody may write into the cluster', () => {
    const html = pageShell({ path, html: livePage(hostileSight(), path).html, second: now });
    expect(html.match(/<script/g)).toHaveLength(1);
    expect(html).not.toMatch(/<img/i);
    // Every attribute is still inside its quotes: no tag has one of the tenant's.
    for (const [tag] of html
      .replace(/<script>[\s\S]*<\/script>|<style>[\s\S]*?<\/style>/g, '')
      .matchAll(/<[a-z][^>]*>/g)) {
      expect(tag.replace(/"[^"]*"/g, '')).not.toContain('onerror');
    }
    expect(html).not.toContain('\u001b');
    expect(html).not.toContain('\u202E');
    expect(html).toContain('&lt;img');
  });

  it('is brought up to date by the parts that changed', () => {
    const before = livePage(sightOf(), path);
    const changed = busySnapshot();
    const after = livePage(
      sightOf({
        ...changed,
        measurements: new Map([...changed.measurements, ['shop/web', measurement('shop/web', 999, 181.4)]]),
      }),
      path,
    );
    const update = pageUpdate(before, after);
    expect(Object.keys(update?.parts ?? {}).sort()).toEqual(
      path === '/' ? ['charts-shopX2fXweb', 'row-shopX2fXweb'] : ['charts-shopX2fXweb'],
    );
    expect(applied(before, update?.parts ?? {})).toBe(after.html);
    expect(pageUpdate(after, after)).toBeUndefined();
  });
});

/** As the browser does it: by the id of the element. */
function applied(page: LivePage, parts: Readonly<Record<string, string>>): string {
  return Object.entries(parts).reduce((html, [id, inner]) => {
    const before = page.parts.get(id) ?? '';
    const start = html.indexOf(`id="${id}"`);
    const at = html.indexOf(before, start);
    return html.slice(0, at) + inner + html.slice(at + before.length);
  }, page.html);
}

it('is sent anew when a closed loop comes or goes', () => {
  const page = livePage(sightOf(), '/');
  const without = busySnapshot();
  const fewer = livePage(
    sightOf({ ...without, objects: { ...without.objects, closedLoops: without.objects.closedLoops.slice(1) } }),
    '/',
  );
  expect(pageUpdate(page, fewer)).toEqual({ html: fewer.html });
});

it('says that a closed loop is gone on its own page, and that there is none at all', () => {
  expect(livePage(sightOf(), '/loops/shop/gone').html).toContain('no closed loop shop/gone any more');
  expect(livePage(sightOf(snapshot()), '/').html).toContain('no ClosedLoop here yet');
});

it('leaves the curves to the pages of the loops where there are many', () => {
  const closedLoops = Array.from({ length: 200 }, (_, i) => closedLoop(`loop-${i}`));
  const many = sightOf(snapshot({ objects: { closedLoops } }));
  expect(livePage(many, '/').html).not.toContain('<svg');
  expect(livePage(many, '/').html.match(/<tr id="row-/g)).toHaveLength(200);
  expect(livePage(many, '/loops/shop/loop-7').html.match(/<svg/g)).toHaveLength(3);
});

describe('in a terminal', () => {
  it.each([
    ['a busy cluster', sightOf().view],
    ['a hostile one', hostileSight().view],
    ['an empty one', watchView(snapshot())],
  ])('%s takes at most 100 columns and steers nothing', (_, view) => {
    for (const line of tableText(view).split('\n')) expect(line.length).toBeLessThanOrEqual(100);
    // Line ends apart, which are ours.
    expect(
      [...tableText(view), ...changeLines(undefined, view).join('\n')].filter(
        (c) => c !== '\n' && /\p{Cc}|\p{Cf}/u.test(c),
      ),
    ).toEqual([]);
  });

  it('tells in lines what changed, and nothing while only load and latency move', () => {
    const before = watchView(busySnapshot());
    const moved = busySnapshot();
    const later = {
      ...moved,
      second: now + 5,
      measurements: new Map([['shop/web', measurement('shop/web', 500, 190)]]),
    };
    expect(changeLines(before, watchView(later))).toEqual([]);
    const scaled = watchView({
      ...later,
      objects: {
        ...moved.objects,
        closedLoops: moved.objects.closedLoops.filter(({ metadata }) => metadata.name !== 'search'),
        workloads: [workload('web', 6, 6)],
      },
    });
    expect(changeLines(before, scaled)).toEqual([
      expect.stringMatching(
        /^10:15:05 UTC shop\/web: 6\/6 ready; 500 requests\/s; p95 190 ms; High cpu → React to cpu, 4 → 6; tuner \(Bounded\): set-point 6/,
      ),
      '10:15:05 UTC shop/search: is gone',
    ]);
  });
});
