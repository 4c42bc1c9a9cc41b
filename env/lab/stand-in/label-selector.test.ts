import { expect, it } from 'vitest';
import { parseLabelSelector } from './label-selector.ts';

const labels = { app: 'shop', tier: 'web', 'app.kubernetes.io/name': 'front' };

it.each([
  ['', true],
  ['app=shop', true],
  ['app==shop,tier=web', true],
  ['app=shop,tier=api', false],
  ['app.kubernetes.io/name=front', true],
  ['app!=shop', false],
  ['zone!=a', true],
  ['tier in (web, api),app', true],
  ['tier in (api)', false],
  ['tier notin (web,api)', false],
  ['zone notin (a),app=shop', true],
  ['zone in (a)', false],
  ['zone', false],
  ['!zone', true],
  ['!app', false],
  ['app=', false],
])('%s: %s', (selector, matches) => {
  expect(parseLabelSelector(selector)(labels)).toBe(matches);
});

it.each(['a=b=c', 'a in b', 'a b', '(a)'])('refuses %s', (selector) => {
  expect(() => parseLabelSelector(selector)).toThrow(RangeError);
});
