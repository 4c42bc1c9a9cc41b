import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it, onTestFinished } from 'vitest';
import { UserError } from '../errors.ts';
import { formatTrace, loadPerTick, parseTrace, readTrace, type Trace } from './trace.ts';

const anyTrace = fc
  .array(fc.record({ gap: fc.integer({ min: 1, max: 500 }), load: fc.double({ min: 0, max: 1e6, noNaN: true }) }), {
    minLength: 2,
    maxLength: 40,
  })
  .map((rows): Trace => {
    let next = 0;
    const seconds = rows.map(({ gap }) => {
      const second = next;
      next += gap / 4;
      return second;
    });
    return { name: 'drawn', seconds, rps: rows.map((row) => row.load) };
  });

describe('a trace as CSV', () => {
  it('comes back as it was written, loads to a thousandth of a request/s', () => {
    fc.assert(
      fc.property(anyTrace, fc.boolean(), fc.boolean(), (trace, windows, byteOrderMark) => {
        let text = formatTrace(trace);
        if (windows) text = text.replaceAll('\n', '\r\n');
        if (byteOrderMark) text = `\ufeff${text}`;
        const read = parseTrace(text, trace.name, 'file');
        expect(read.name).toBe(trace.name);
        expect(read.seconds).toEqual(trace.seconds);
        for (const [i, load] of trace.rps.entries()) expect(Math.abs(read.rps[i] - load)).toBeLessThanOrEqual(0.000501);
        // What was rounded once is exact from then on.
        expect(parseTrace(formatTrace(read), trace.name, 'file')).toEqual(read);
      }),
    );
  });

  it.each([
    ['nothing', '', 1, 'header'],
    ['another header', 'time,load\n0,1\n5,1\n', 1, 'found "time,load"'],
    ['no header', '0,1\n5,1\n', 1, 'header'],
    ['a header in another order', 'rps,second\n1,0\n1,5\n', 1, 'header'],
    ['a load that is not a number', 'second,rps\n0,1\n5,many\n', 3, '"many"'],
    ['NaN', 'second,rps\n0,1\n5,NaN\n', 3, '"NaN"'],
    ['an infinite load', 'second,rps\n0,Infinity\n5,1\n', 2, '"Infinity"'],
    ['an empty load', 'second,rps\n0,1\n5,\n', 3, 'not a number'],
    ['a second that is not a number', 'second,rps\n0,1\nnoon,1\n', 3, '"noon"'],
    ['a negative load', 'second,rps\n0,1\n5,-0.5\n', 3, '-0.5 is negative'],
    ['seconds that go back', 'second,rps\n0,1\n10,1\n5,1\n', 4, '5 does not come after 10'],
    ['a second twice', 'second,rps\n0,1\n10,1\n10,2\n', 4, '10 does not come after 10'],
    ['a first second other than 0', 'second,rps\n1700000000,1\n1700000005,1\n', 2, 'must be 0, found 1700000000'],
    ['a negative first second', 'second,rps\n-5,1\n0,1\n', 2, 'must be 0'],
    ['one row', 'second,rps\n0,1\n', 2, 'two rows'],
    ['only a header', 'second,rps\n', 1, 'two rows'],
    ['a row too short', 'second,rps\n0,1\n5\n', 3, '2 columns, found 1'],
    ['a row too long', 'second,rps\n0,1\n5,1,2\n', 3, '2 columns, found 3'],
    ['semicolons', 'second;rps\n0;1\n5;1\n', 1, 'header'],
    ['a fault after empty lines', '\nsecond,rps\n\n0,1\n   \n\n5,x\n', 7, '"x"'],
    ['a fault in a Windows file', '\ufeffsecond,rps\r\n0,1\r\n\r\n5,x\r\n', 4, '"x"'],
  ])('with %s is refused at its line', (_what, text, line, message) => {
    const parsing = () => parseTrace(text, 'bad', 'traffic.csv');
    expect(parsing).toThrow(UserError);
    expect(parsing).toThrow(new RegExp(`^traffic\\.csv, line ${line}: `));
    expect(parsing).toThrow(message);
  });

  it('with an open quote is refused as no CSV', () => {
    const parsing = () => parseTrace('second,rps\n0,"1\n5,1\n', 'bad', 'traffic.csv');
    expect(parsing).toThrow(UserError);
    expect(parsing).toThrow('traffic.csv: not a CSV file');
  });

  it('is named after its file, and a file that cannot be read is named in the error', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'duoloop-trace-'));
    onTestFinished(() => rm(folder, { recursive: true }));
    await writeFile(join(folder, 'black.friday.csv'), 'second,rps\n0,1\n5,2\n');
    expect(await readTrace(join(folder, 'black.friday.csv'))).toEqual({
      name: 'black.friday',
      seconds: [0, 5],
      rps: [1, 2],
    });
    for (const unreadable of [join(folder, 'missing.csv'), folder]) {
      const error = await readTrace(unreadable).catch((reason) => reason);
      expect(error).toBeInstanceOf(UserError);
      expect(error.code).toBe('TRACE_UNREADABLE');
      expect(error.message).toContain(unreadable);
    }
  });
});

describe('load per tick', () => {
  it('holds each row until the next, and ends with the last row', () => {
    const trace: Trace = { name: 't', seconds: [0, 5, 12, 30], rps: [1, 2, 3, 99] };
    //                                    second 0  5  10 15 20 25; the row at 12 holds from tick 15, the one at 30 ends it
    expect([...loadPerTick(trace, 5)]).toEqual([1, 2, 2, 3, 3, 3]);
  });

  it('is the load of the last row at or before each tick, for as many ticks as begin before the end', () => {
    fc.assert(
      fc.property(anyTrace, fc.constantFrom(1, 5, 15), (trace, tickSeconds) => {
        const { seconds, rps } = trace;
        const expected: number[] = [];
        for (let at = 0; at < (seconds.at(-1) as number); at += tickSeconds) {
          expected.push(Math.fround(rps[seconds.findLastIndex((second) => second <= at)]));
        }
        expect([...loadPerTick(trace, tickSeconds)]).toEqual(expected);
      }),
    );
  });
});
