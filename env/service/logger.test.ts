import { expect, test } from 'vitest';
import { createLogger } from './logger.ts';

test('a fact is a line of JSON with level and time in words; credentials are not', () => {
  const lines: string[] = [];
  const output = { write: (line: string) => void lines.push(line) };
  const logger = createLogger({ level: 'info', fields: { replica: 'one' }, output });
  logger.debug('not this');
  logger.warn({ key: 'shop/web', headers: { authorization: 'Bearer secret' }, user: { token: 'secret' } }, 'refused');
  expect(lines).toHaveLength(1);
  expect(JSON.parse(lines[0])).toEqual({
    level: 'warn',
    time: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
    replica: 'one',
    key: 'shop/web',
    headers: { authorization: '[redacted]' },
    user: { token: '[redacted]' },
    msg: 'refused',
  });
});

test('text of an attacker stays within its line, and within its field', () => {
  const lines: string[] = [];
  const logger = createLogger({ output: { write: (line: string) => void lines.push(line) } });
  const forged = 'x"}\n{"level":"info","msg":"all is well"}\r\u001b[2J';
  logger.warn({ [forged]: forged, err: new Error(forged) }, forged);
  expect(lines).toHaveLength(1);
  expect(lines[0].trimEnd()).not.toMatch(/\p{Cc}/u);
  expect(JSON.parse(lines[0])).toMatchObject({ level: 'warn', msg: forged, [forged]: forged });
});
