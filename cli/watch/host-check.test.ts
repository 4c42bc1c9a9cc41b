import { expect, it } from 'vitest';
import { isOwnHost } from './host-check.ts';

it.each([
  ['127.0.0.1:8123', true],
  ['localhost', true],
  ['LOCALHOST:80', true],
  ['10.1.2.3:8123', true],
  ['[::1]:8123', true],
  ['[fe80::1]', true],
  ['watch.example:8123', true],
  ['evil.example:8123', false],
  ['127.0.0.1.evil.example', false],
  ['localhost.evil.example:8123', false],
  ['[evil.example]:8123', false],
  ['[::1]@evil.example', false],
  ['1.2.3', false],
  ['', false],
  [undefined, false],
])('a request for %j is answered: %j', (host, isAnswered) => {
  expect(isOwnHost(host, ['watch.example'])).toBe(isAnswered);
});
