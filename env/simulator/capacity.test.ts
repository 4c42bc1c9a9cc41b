import { describe, expect, it } from 'vitest';
import { UserError } from '../errors.ts';
import { capacityPerTick, parseCapacity } from './capacity.ts';

describe('--capacity', () => {
  it('is read as second:factor pairs', () => {
    expect(parseCapacity('0:1,28800:0.7,57600:1.3')).toEqual([
      { second: 0, factor: 1 },
      { second: 28_800, factor: 0.7 },
      { second: 57_600, factor: 1.3 },
    ]);
    expect(parseCapacity('60:2')).toEqual([{ second: 60, factor: 2 }]);
  });

  it.each([
    ['', ''],
    ['0', '0'],
    ['0:', '0:'],
    [':1', ':1'],
    ['0:1,', ''],
    ['0:one', '0:one'],
    ['0:0', '0:0'],
    ['0:-1', '0:-1'],
    ['0:Infinity', '0:Infinity'],
    ['-5:1', '-5:1'],
    ['0:1:2', '0:1:2'],
    ['10:1,10:2', '10:2'],
    ['10:1,5:2', '5:2'],
  ])('"%s" is refused, and the wrong part is named', (text, part) => {
    expect(() => parseCapacity(text)).toThrow(UserError);
    expect(() => parseCapacity(text)).toThrow(`"${part}" is not second:factor`);
  });

  it('holds from the first tick that begins at its second or later; before the first change it is 1', () => {
    const factors = capacityPerTick(parseCapacity('10:0.5,21:2,1000:9'), 8, 5);
    expect([...factors]).toEqual([1, 1, 0.5, 0.5, 0.5, 2, 2, 2]);
  });
});
