import { appendFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createMetricsWriter } from './metrics-writer.ts';
import { crc32c } from './tensorboard-events.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'duoloop-metrics-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

type Field = { number: number; value: number | bigint | Buffer };

/** A protobuf reader of its own: knows wire types, nothing of our messages. */
function fieldsOf(bytes: Buffer): Field[] {
  const fields: Field[] = [];
  let at = 0;
  const varint = () => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = bytes[at++];
      value |= BigInt(byte & 127) << shift;
      if (byte < 128) return value;
    }
  };
  while (at < bytes.length) {
    const key = Number(varint());
    const take = (length: number) => {
      at += length;
      return bytes.subarray(at - length, at);
    };
    const read: Record<number, () => Field['value']> = {
      0: varint,
      1: () => take(8).readDoubleLE(),
      2: () => take(Number(varint())),
      5: () => take(4).readFloatLE(),
    };
    const value = read[key % 8]();
    fields.push({ number: key >> 3, value });
  }
  return fields;
}

const field = (bytes: Buffer, number: number) => fieldsOf(bytes).find((one) => one.number === number)?.value;

/** Bit by bit, against the writer's table. */
function slowMaskedCrc(bytes: Buffer): number {
  let crc = 0xffffffffn;
  for (const byte of bytes) {
    crc ^= BigInt(byte);
    for (let bit = 0; bit < 8; bit++) crc = crc & 1n ? (crc >> 1n) ^ 0x82f63b78n : crc >> 1n;
  }
  crc ^= 0xffffffffn;
  return Number((((crc >> 15n) | ((crc << 17n) & 0xffffffffn)) + 0xa282ead8n) & 0xffffffffn);
}

function recordsOf(path: string): Buffer[] {
  const file = readFileSync(path);
  const records: Buffer[] = [];
  for (let at = 0; at < file.length; ) {
    const length = Number(file.readBigUInt64LE(at));
    const data = file.subarray(at + 12, at + 12 + length);
    expect(file.readUInt32LE(at + 8)).toBe(slowMaskedCrc(file.subarray(at, at + 8)));
    expect(file.readUInt32LE(at + 12 + length)).toBe(slowMaskedCrc(data));
    records.push(data);
    at += 16 + length;
  }
  return records;
}

const eventFiles = () => readdirSync(directory).filter((name) => name.startsWith('events.out.tfevents.'));
const jsonLines = () =>
  readFileSync(join(directory, 'metrics.jsonl'), 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));

it('has the checksum of RFC 3720', () => {
  expect(crc32c(Buffer.from('123456789'))).toBe(0xe3069283);
  expect(crc32c(Buffer.alloc(32))).toBe(0x8a9136aa);
});

describe('createMetricsWriter', () => {
  it('writes events that decode to what was given', async () => {
    const writer = createMetricsWriter({ directory });
    const longName = `term/${'x'.repeat(200)}`;
    writer.write(3_000_000_000, 1_700_000_000.25, { reward: -1.5, [longName]: 2 });
    await writer.close();
    const [name] = eventFiles();
    const [version, start, event] = recordsOf(join(directory, name));
    expect(String(field(version, 3))).toBe('brain.Event:2');
    expect(field(field(start, 7) as Buffer, 1)).toBe(1n);
    expect(field(event, 1)).toBe(1_700_000_000.25);
    expect(field(event, 2)).toBe(3_000_000_000n);
    const values = fieldsOf(field(event, 5) as Buffer).map(({ value }) => [
      String(field(value as Buffer, 1)),
      field(value as Buffer, 2),
    ]);
    expect(values).toEqual([
      ['reward', -1.5],
      [longName, 2],
    ]);
    expect(jsonLines()).toEqual([
      { step: 3_000_000_000, wallTimeSeconds: 1_700_000_000.25, reward: -1.5, [longName]: 2 },
    ]);
  });

  it('replaces what a killed training logged after the point of resumption', async () => {
    const first = createMetricsWriter({ directory });
    for (const step of [10, 20, 30]) first.write(step, step, { reward: 1 });
    await first.close();
    appendFileSync(join(directory, 'metrics.jsonl'), '{"step":40,"wallTi');
    const second = createMetricsWriter({ directory });
    second.write(20, 50, { reward: 2 });
    await second.close();
    expect(jsonLines()).toEqual([
      { step: 10, wallTimeSeconds: 10, reward: 1 },
      { step: 20, wallTimeSeconds: 50, reward: 2 },
    ]);
    expect(eventFiles()).toHaveLength(2);
  });

  it('has written everything before it is closed', () => {
    const writer = createMetricsWriter({ directory });
    writer.write(1, 1, { reward: Number.NaN });
    expect(jsonLines()).toEqual([{ step: 1, wallTimeSeconds: 1, reward: null }]);
    expect(recordsOf(join(directory, eventFiles()[0]))).toHaveLength(3);
    return writer.close();
  });

  it('refuses wrong use', async () => {
    const writer = createMetricsWriter({ directory });
    expect(() => writer.write(1.5, 1, {})).toThrow('step');
    expect(() => writer.write(1, 1, { step: 2 })).toThrow('step');
    await writer.close();
    await writer.close();
    expect(() => writer.write(1, 1, {})).toThrow('closed');
    const file = join(directory, 'file');
    writeFileSync(file, '');
    expect(() => createMetricsWriter({ directory: file })).toThrow(
      expect.objectContaining({ code: 'METRICS_DIRECTORY' }),
    );
  });
});
