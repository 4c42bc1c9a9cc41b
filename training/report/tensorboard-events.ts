/**
 * TensorBoard's event format, as far as scalars need it: TFRecord frames around `tensorflow.Event` messages
 * (tensorflow/core/util/event.proto, core/framework/summary.proto, core/lib/io/record_writer.cc).
 */

/** Castagnoli's polynomial, reflected; zlib.crc32 has the other one. */
const crcTable = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  return crc;
});

export function crc32c(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = crcTable[(crc ^ byte) & 0xff] ^ (crc >>> 8);
  return (crc ^ 0xffffffff) >>> 0;
}

/** Rotated and shifted, so that the checksum of data that holds checksums stays sound. */
function maskedCrc32c(bytes: Uint8Array): number {
  const crc = crc32c(bytes);
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
}

/** length (uint64 LE), its masked crc, data, its masked crc. */
function frame(data: Buffer): Buffer {
  const record = Buffer.alloc(8 + 4 + data.length + 4);
  record.writeBigUInt64LE(BigInt(data.length), 0);
  record.writeUInt32LE(maskedCrc32c(record.subarray(0, 8)), 8);
  data.copy(record, 12);
  record.writeUInt32LE(maskedCrc32c(data), 12 + data.length);
  return record;
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = BigInt(value);
  while (rest > 127n) {
    bytes.push(Number(rest & 127n) | 128);
    rest >>= 7n;
  }
  bytes.push(Number(rest));
  return Buffer.from(bytes);
}

/** Field numbers are below 16, so a key is one byte: number × 8 + wire type. */
const varintField = (field: number, value: number) => Buffer.concat([Buffer.from([field << 3]), varint(value)]);

function doubleField(field: number, value: number): Buffer {
  const bytes = Buffer.alloc(9);
  bytes[0] = (field << 3) | 1;
  bytes.writeDoubleLE(value, 1);
  return bytes;
}

function floatField(field: number, value: number): Buffer {
  const bytes = Buffer.alloc(5);
  bytes[0] = (field << 3) | 5;
  bytes.writeFloatLE(value, 1);
  return bytes;
}

const bytesField = (field: number, value: Buffer) =>
  Buffer.concat([Buffer.from([(field << 3) | 2]), varint(value.length), value]);

/** The first record of every file. */
export function fileVersionRecord(wallTimeSeconds: number): Buffer {
  return frame(Buffer.concat([doubleField(1, wallTimeSeconds), bytesField(3, Buffer.from('brain.Event:2'))]));
}

/** SessionLog START: tells TensorBoard to forget what earlier files in the folder have from `step` on. */
export function sessionStartRecord(step: number, wallTimeSeconds: number): Buffer {
  return frame(
    Buffer.concat([doubleField(1, wallTimeSeconds), varintField(2, step), bytesField(7, varintField(1, 1))]),
  );
}

/** One event with a `simple_value` per scalar; values are stored as float32. */
export function scalarsRecord(
  step: number,
  wallTimeSeconds: number,
  scalars: Readonly<Record<string, number>>,
): Buffer {
  const values = Object.entries(scalars).map(([tag, value]) =>
    bytesField(1, Buffer.concat([bytesField(1, Buffer.from(tag)), floatField(2, value)])),
  );
  return frame(
    Buffer.concat([doubleField(1, wallTimeSeconds), varintField(2, step), bytesField(5, Buffer.concat(values))]),
  );
}
