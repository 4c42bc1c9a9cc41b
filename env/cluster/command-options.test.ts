import { describe, expect, test } from 'vitest';
import { verbs } from '../../cli.ts';
import {
  clusterConnection,
  clusterOptions,
  durationSchema,
  presetOption,
  prometheusOptions,
  rateWindowField,
  rateWindowOption,
} from './command-options.ts';

describe('a duration', () => {
  test.each([
    ['30', 30],
    ['0.5s', 0.5],
    ['15m', 900],
    ['2w', 1_209_600],
  ])('%s is %d s', (text, seconds) => {
    expect(durationSchema.parse(text)).toBe(seconds);
  });

  test.each(['', '0', '-5', '5 min', '1y', 'soon'])('"%s" is none', (text) => {
    expect(durationSchema.safeParse(text).error?.issues[0].message).toContain('write it like 24h, 15m or 90s');
  });

  test('longer than an hour is no rate window', () => {
    expect(rateWindowField.parse('1h')).toBe(3600);
    expect(rateWindowField.safeParse('61m').success).toBe(false);
  });
});

test('a kubeconfig that is not named is left to KUBECONFIG', () => {
  expect(clusterConnection({}).kubeconfigFiles).toBeUndefined();
  expect(clusterConnection({ kubeconfig: 'one', context: 'two' })).toEqual({
    kubeconfigFiles: ['one'],
    context: 'two',
  });
});

/** Of a lab, which has no Prometheus to ask yet: real seconds against those of its trace. */
const lab = 'lab';

test('what several verbs can be told has the same flags and the same words in each', async () => {
  const words = (text: string) => text.split(/[;:]/)[0];
  const shared = [...clusterOptions, ...prometheusOptions(), presetOption([]), rateWindowOption()];
  const longOf = (flags: string) => /--[a-z-]+/.exec(flags)?.[0];
  for (const { name, load } of verbs.filter((verb) => verb.name !== lab)) {
    const { command } = await load();
    for (const { flags, description } of command.options) {
      const same = shared.find((option) => longOf(option.flags) === longOf(flags));
      if (same === undefined) continue;
      expect({ name, flags, words: words(description) }).toEqual({
        name,
        flags: same.flags,
        words: words(same.description),
      });
    }
  }
});
