/** Short texts and files of lines. */
import fc from 'fast-check';
import { describe, expect } from 'vitest';
import { isOwnHost } from '../../cli/watch/host-check.ts';
import { keyOfPath } from '../../cli/watch/page-path.ts';
import { durationSchema } from '../../env/cluster/command-options.ts';
import { UserError } from '../../env/errors.ts';
import { parseLabelSelector as parseLabSelector } from '../../env/lab/stand-in/label-selector.ts';
import * as numberFormats from '../../env/report/number-format.ts';
import { printable, withoutTerminalControls } from '../../env/report/printable.ts';
import { parseCapacity } from '../../env/simulator/capacity.ts';
import { formatTrace, parseTrace } from '../../env/workload/trace.ts';
import { toNumber } from '../../operator/closed-loop/sources/json-number.ts';
import { parseLabelSelector } from '../../operator/closed-loop/sources/label-selector.ts';
import { parseGroups } from '../../operator/groups/parse-groups.ts';
import { parseQuantity } from '../../operator/workloads/quantity.ts';
import { timestamp } from '../../policies/resources/resource.ts';
import { fromTimestamp, toTimestamp } from '../../policies/resources/timestamp.ts';
import { hostileNumber, hostileText, mutatedText } from './arbitraries.ts';
import { errorOf, fuzz } from './fuzz.ts';

const userError = errorOf(UserError);

describe('files of lines', () => {
  fuzz({
    name: 'trace CSV',
    input: mutatedText([
      'second,rps\n0,10\n5,12.5\n10,0\n',
      '\ufeffsecond,rps\r\n0,1\r\n60,2\r\n',
      'second,rps\n0,"1"\n1e3,2e2',
    ]),
    parse: (text) => parseTrace(text, 'name', 'a.csv'),
    throws: userError,
    check(trace) {
      const { seconds, rps } = trace;
      expect(seconds.length).toBeGreaterThanOrEqual(2);
      expect(seconds[0]).toBe(0);
      expect(seconds.every((second, i) => Number.isFinite(second) && (i === 0 || second > seconds[i - 1]))).toBe(true);
      expect(rps.every((rate) => Number.isFinite(rate) && rate >= 0)).toBe(true);
      const again = parseTrace(formatTrace(trace), 'name', 'again');
      expect(again.seconds).toEqual(seconds.map((second) => (second === 0 ? 0 : second)));
      for (const [i, rate] of again.rps.entries())
        expect(Math.abs(rate - rps[i])).toBeLessThanOrEqual(5e-4 + rps[i] * 1e-9);
    },
  });

  fuzz({
    name: 'groups.txt',
    input: mutatedText([
      'webui,auth,db\n# a comment\npersistence\n',
      'a , b\r\nc.d,e-f\r\n',
      '\ufeffx\n\n\ny,z # both',
    ]),
    parse: (text) => parseGroups(text, 'groups.txt'),
    throws: userError,
    check(groups) {
      const names = groups.flat();
      expect(new Set(names).size).toBe(names.length);
      for (const name of names) expect(name).toMatch(/^[a-z0-9][-.a-z0-9]*$/);
      expect(parseGroups(groups.map((group) => group.join(',')).join('\n'), 'again')).toEqual(groups);
    },
  });
});

describe('numbers', () => {
  fuzz({
    name: 'quantities',
    input: fc.oneof(mutatedText(['100m', '1.5', '512Mi', '1e3', '.5', '12n', '2Ei', '-3k']), hostileNumber),
    parse: parseQuantity,
    check(value) {
      expect(value === undefined || Number.isFinite(value)).toBe(true);
    },
  });

  fuzz({
    name: 'numbers in JSON',
    input: fc.oneof(mutatedText(['40', ' -1.5e3 ', '.5', '+2', '1.']), hostileNumber, fc.anything()),
    parse: toNumber,
    check(value) {
      expect(value === undefined || Number.isFinite(value)).toBe(true);
    },
  });

  fuzz({
    name: 'capacity lists',
    input: mutatedText(['0:1,28800:0.7,57600:1.3', '60:0.5', '0:1e-3,1:2']),
    parse: parseCapacity,
    throws: userError,
    check(changes) {
      for (const { second, factor } of changes) expect(second >= 0 && factor > 0 && Number.isFinite(factor)).toBe(true);
    },
  });

  fuzz({
    name: 'number formats',
    input: fc.tuple(fc.constantFrom(...Object.keys(numberFormats)), fc.oneof(hostileNumber, fc.double())),
    parse: ([name, value]) =>
      [value, (numberFormats as Record<string, unknown> as Record<string, Format>)[name](value, 2)] as const,
    check: ([value, text], [name]) => {
      if (name.startsWith('format')) expect(text).toMatch(/^\S.*$/);
      else if (value > 0 && value < 1e300 && value > 1e-300) expect(text).toBeGreaterThan(0);
    },
  });
  type Format = (value: number, digits: number) => unknown;
});

describe('times', () => {
  fuzz({
    name: 'durations',
    input: mutatedText(['90s', '15m', '24h', '7d', '2w', '1.5h', '3600']),
    parse: (text) => durationSchema.safeParse(text),
    check({ success, data }) {
      if (success) expect(data > 0 && Number.isFinite(data)).toBe(true);
    },
  });

  fuzz({
    name: 'timestamps',
    input: mutatedText(['2026-11-21T12:01:10.759Z', '2026-11-21T12:01:10+02:00', '1970-01-01T00:00:00.000000001Z']),
    parse: (text) => (timestamp.safeParse(text).success ? fromTimestamp(text) : undefined),
    check(second) {
      if (second === undefined) return;
      expect(Number.isFinite(second)).toBe(true);
      expect(fromTimestamp(toTimestamp(second))).toBeCloseTo(second, 2);
    },
  });
});

describe('selectors and addresses', () => {
  const selectors = ['app=web', 'app==web,tier in (front, back)', '!canary,tier notin (a)', 'a!=b,c'];
  const labels: Readonly<Record<string, string>>[] = [{}, { app: 'web', tier: 'front' }, { canary: '', a: 'b' }];

  fuzz({
    name: 'label selectors of the operator',
    input: mutatedText(selectors),
    parse: parseLabelSelector,
    check: (selects) => void labels.map((each) => expect([undefined, true, false]).toContain(selects?.(each))),
  });

  fuzz({
    name: 'label selectors of the lab',
    input: mutatedText(selectors),
    parse: parseLabSelector,
    throws: errorOf(RangeError),
    check: (selects) => void labels.map((each) => expect([true, false]).toContain(selects(each))),
  });

  fuzz({
    name: 'Host headers of the watch',
    input: mutatedText(['localhost:8080', '127.0.0.1', '[::1]:80', 'watch.example:443']),
    parse: (host) => isOwnHost(host, ['watch.example']),
    check(isOwn, host) {
      if (isOwn) expect(host).toMatch(/^(localhost|watch\.example|[\d.]+|\[[0-9a-f:.%]+\])(:\d+)?$/i);
    },
  });

  fuzz({
    name: 'paths of the watch',
    input: mutatedText(['/', '/loops/shop/web', '/loops/a%2Fb/c', '/events?path=/']),
    parse: keyOfPath,
    check: (key) => expect([undefined, 'string']).toContain(key === undefined ? undefined : typeof key),
  });
});

describe('text for a terminal', () => {
  fuzz({
    name: 'one line',
    input: hostileText,
    parse: (text) => printable(text),
    check: (text) => expect(text).not.toMatch(/[\p{Cc}\u202A-\u202E\u2066-\u2069]/u),
  });
  fuzz({
    name: 'lines',
    input: hostileText,
    parse: withoutTerminalControls,
    check: (text) => expect(text).not.toMatch(/[^\n\t\P{Cc}]|[\u202A-\u202E\u2066-\u2069]/u),
  });
});
