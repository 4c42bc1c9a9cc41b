import { expect, test } from 'vitest';
import { parseLabelSelector } from './label-selector.ts';

const labels = { app: 'web', tier: 'front', 'app.kubernetes.io/name': 'shop', empty: '' };

test.each([
  ['app=web', true],
  ['app==web,tier=front', true],
  ['app=api', false],
  ['app!=api,other!=x', true],
  ['tier in (front, back),app.kubernetes.io/name=shop', true],
  ['tier notin (front,back)', false],
  ['other notin (a)', true],
  ['app', true],
  ['!app', false],
  ['! other , app', true],
  ['empty=', true],
  ['other=', false],
  ['toString', false],
])('%s: %s', (selector, matches) => {
  expect(parseLabelSelector(selector)?.(labels)).toBe(matches);
});

test.each(['', ' ', 'a b', 'a in b', 'a=(b)', '!a=b', 'a,,b'])(
  '"%s" selects nothing rather than everything',
  (selector) => {
    expect(parseLabelSelector(selector)).toBeUndefined();
  },
);
