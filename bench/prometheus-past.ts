/** Writes samples of the past into a Prometheus by remote write (1.0), so that nobody has to wait for a day to pass. */

export interface PastSeries {
  readonly labels: Readonly<Record<string, string>>;
  /** Value at a moment, Unix seconds; undefined: no sample. */
  readonly valueAt: (second: number) => number | undefined;
  /** Between two samples, seconds. */
  readonly intervalSeconds: number;
}

export interface PastRange {
  readonly fromSecond: number;
  readonly toSecond: number;
}

/** A request covers so much time: samples have to arrive in order, and a request stays below Prometheus' bound of 32 MB. */
const stretchSeconds = 600;

/** @throws Error with what Prometheus says when it refuses */
export async function writePast(
  url: string,
  series: readonly PastSeries[],
  { fromSecond, toSecond }: PastRange,
): Promise<number> {
  let written = 0;
  const labels = series.map((one) => encodeLabels(one.labels));
  for (let from = fromSecond; from < toSecond; from += stretchSeconds) {
    const parts: Buffer[] = [];
    for (const [i, { valueAt, intervalSeconds }] of series.entries()) {
      const samples: Buffer[] = [];
      for (let second = from; second < Math.min(toSecond, from + stretchSeconds); second += intervalSeconds) {
        const value = valueAt(second);
        if (value !== undefined) samples.push(encodeSample(value, second * 1000));
      }
      written += samples.length;
      if (samples.length > 0) parts.push(field(1, Buffer.concat([labels[i], ...samples])));
    }
    const response = await fetch(`${url}/api/v1/write`, {
      method: 'POST',
      headers: {
        'Content-Type': 'application/x-protobuf',
        'Content-Encoding': 'snappy',
        'X-Prometheus-Remote-Write-Version': '0.1.0',
      },
      body: asSnappy(Buffer.concat(parts)),
    });
    if (!response.ok) throw new Error(`remote write: HTTP ${response.status} ${await response.text()}`);
  }
  return written;
}

function encodeLabels(labels: Readonly<Record<string, string>>): Buffer {
  const sorted = Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1));
  return Buffer.concat(
    sorted.map(([name, value]) => field(1, Buffer.concat([field(1, Buffer.from(name)), field(2, Buffer.from(value))]))),
  );
}

function encodeSample(value: number, milliseconds: number): Buffer {
  const double = Buffer.alloc(9);
  double[0] = (1 << 3) | 1;
  double.writeDoubleLE(value, 1);
  return field(2, Buffer.concat([double, Buffer.from([2 << 3]), varint(milliseconds)]));
}

const field = (number: number, content: Buffer) =>
  Buffer.concat([Buffer.from([(number << 3) | 2]), varint(content.length), content]);

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  // By division: a time in milliseconds has more than 32 bits.
  while (rest >= 128) {
    bytes.push((rest % 128) + 128);
    rest = Math.floor(rest / 128);
  }
  return Buffer.from([...bytes, rest]);
}

/** A valid snappy block that compresses nothing: literals only. */
function asSnappy(content: Buffer): Buffer<ArrayBuffer> {
  const literal = 65_536;
  const parts: Buffer[] = [varint(content.length)];
  for (let at = 0; at < content.length; at += literal) {
    const piece = content.subarray(at, at + literal);
    const head = Buffer.alloc(3);
    head[0] = 61 << 2;
    head.writeUInt16LE(piece.length - 1, 1);
    parts.push(head, piece);
  }
  return Buffer.concat(parts);
}
