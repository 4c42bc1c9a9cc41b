/** Input as an attacker would write it: what is valid with a few changes, texts and documents made to break parsers, and noise. */
import fc from 'fast-check';

/** Names that every object has, numbers at the edges of their types, and characters with a meaning somewhere. */
export const hostileTokens: readonly string[] = [
  ...['__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty', 'length'],
  ...['NaN', 'Infinity', '-Infinity', '+Inf', '-0', '1e309', '-1e309', '1e-324', '0x10', '9007199254740993', '1_000'],
  ...[
    '\u0000',
    '\u001b[2J',
    '\r',
    '\r\n',
    '\n',
    '\t',
    ' ',
    '\u00a0',
    '\u0085',
    '\u2028',
    '\ufeff',
    '\u202e',
    '\ud800',
    '😀',
  ],
  ...[
    '"',
    "'",
    '`',
    '\\',
    '\\\\',
    '$\u007bx}',
    '$namespace',
    '$target',
    '{{x}}',
    '<script>',
    '&amp;',
    '%00',
    '%zz',
    '../',
    '/',
  ],
  ...['{', '}', '[', ']', '(', ')', ',', ':', ';', '#', '=', '!', '=~', '*', '&a', '*a', '<<', '|', '>', '-', '.', '@'],
  ...['null', 'true', '[]', '{}', '""', 'é', 'Ω', 'ı', 'ﬁ'],
  '1'.repeat(400),
  '('.repeat(300),
  '['.repeat(300),
  '\\'.repeat(300),
  ','.repeat(300),
  ' '.repeat(300),
];

const token = fc.constantFrom(...hostileTokens);

export const hostileText: fc.Arbitrary<string> = fc.oneof(
  token,
  fc.array(token, { maxLength: 6 }).map((tokens) => tokens.join('')),
  fc.string({ unit: 'binary', maxLength: 40 }),
);

interface TextChange {
  /** Where, as a share of the length. */
  readonly at: number;
  readonly removed: number;
  readonly inserted: string;
  /** Whether what is removed is put in twice instead. */
  readonly isRepeated: boolean;
}

const textChanges: fc.Arbitrary<TextChange[]> = fc.array(
  fc.record({
    at: fc.double({ min: 0, max: 1, noNaN: true }),
    removed: fc.oneof(fc.nat(3), fc.nat(60)),
    inserted: fc.oneof(fc.constant(''), token, fc.string({ maxLength: 4 })),
    isRepeated: fc.boolean(),
  }),
  { maxLength: 4 },
);

/** One of the texts with parts cut out, doubled or replaced; sometimes something else altogether. */
export function mutatedText(valid: readonly string[]): fc.Arbitrary<string> {
  const mutated = fc.tuple(fc.constantFrom(...valid), textChanges).map(([text, changes]) =>
    changes.reduce((changed, { at, removed, inserted, isRepeated }) => {
      const from = Math.floor(at * changed.length);
      const part = changed.slice(from, from + removed);
      return changed.slice(0, from) + (isRepeated ? part + part : '') + inserted + changed.slice(from + removed);
    }, text),
  );
  return fc.oneof({ weight: 8, arbitrary: mutated }, { weight: 2, arbitrary: hostileText });
}

export const hostileNumber: fc.Arbitrary<number> = fc.oneof(
  fc.constantFrom(0, -0, 1, -1, 0.5, 1e21, -1e21, 2 ** 31, 2 ** 53, 2 ** 53 + 2, Number.MAX_VALUE, Number.MIN_VALUE),
  fc.integer(),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
);

/** As JSON.parse gives it: `__proto__` is a field like any other. */
export const hostileJson: fc.Arbitrary<unknown> = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 3, withCrossShrink: true },
    fc.constantFrom(null, true, false, '', 'NaN', '__proto__'),
    hostileNumber,
    hostileText,
    fc.constantFrom(
      deep(200, '['),
      deep(200, '{'),
      Array.from({ length: 300 }, () => 0),
    ),
    fc.array(tie('value'), { maxLength: 3 }),
    fc.array(fc.tuple(fc.oneof(token, fc.string({ maxLength: 5 })), tie('value')), { maxLength: 3 }).map(objectOf),
  ),
})).value;

type JsonChange = {
  readonly at: number;
  readonly key: string;
  readonly value: unknown;
} & { readonly kind: 'replace' | 'remove' | 'repeat' | 'add' | 'rename' };

const jsonChanges: fc.Arbitrary<JsonChange[]> = fc.array(
  fc.record({
    at: fc.nat(10_000),
    kind: fc.constantFrom('replace', 'remove', 'repeat', 'add', 'rename'),
    key: fc.oneof(token, fc.string({ maxLength: 5 })),
    value: fc.oneof(hostileJson, hostileNumber, hostileText),
  }),
  { maxLength: 3 },
);

/** One of the documents with fields replaced, removed, doubled, added or renamed; sometimes something else altogether. */
export function mutatedJson(valid: readonly unknown[]): fc.Arbitrary<unknown> {
  const mutated = fc
    .tuple(fc.nat(valid.length - 1), jsonChanges)
    .map(([index, changes]) => changes.reduce(changedJson, structuredClone(valid[index])));
  return fc.oneof({ weight: 9, arbitrary: mutated }, { weight: 1, arbitrary: hostileJson });
}

/** Bytes of one of the files, flipped, cut or doubled; sometimes noise. */
export function mutatedBytes(valid: readonly Uint8Array[]): fc.Arbitrary<Uint8Array> {
  const change = fc.record({
    at: fc.double({ min: 0, max: 1, noNaN: true }),
    removed: fc.oneof(fc.constant(0), fc.nat(40)),
    inserted: fc.oneof(
      fc.uint8Array({ maxLength: 8 }),
      fc.constantFrom(Uint8Array.of(0), Uint8Array.of(255, 255, 255, 255)),
    ),
    isEnd: fc.boolean(),
  });
  const mutated = fc.tuple(fc.constantFrom(...valid), fc.array(change, { maxLength: 4 })).map(([bytes, changes]) =>
    changes.reduce<Uint8Array>((changed, { at, removed, inserted, isEnd }) => {
      const from = Math.floor(at * changed.length);
      const rest = isEnd && removed === 0 ? new Uint8Array() : changed.subarray(from + removed);
      return Buffer.concat([changed.subarray(0, from), inserted, rest]);
    }, bytes),
  );
  return fc.oneof({ weight: 9, arbitrary: mutated }, { weight: 1, arbitrary: fc.uint8Array({ maxLength: 200 }) });
}

type Container = Record<string | number, unknown>;

function changedJson(document: unknown, { at, kind, key, value }: JsonChange): unknown {
  const places: [Container, string | number][] = [];
  const collect = (part: unknown, depth: number): void => {
    if (typeof part !== 'object' || part === null || depth > 12) return;
    for (const field of Array.isArray(part) ? part.keys() : Object.keys(part)) {
      places.push([part as Container, field]);
      collect((part as Container)[field], depth + 1);
    }
  };
  collect(document, 0);
  // The same change may be made twice, and then within what it made before.
  const fresh = structuredClone(value);
  if (places.length === 0) return fresh;
  const [container, field] = places[at % places.length];
  if (kind === 'replace') setOwn(container, field, fresh);
  else if (Array.isArray(container)) {
    if (kind === 'remove') container.splice(Number(field), 1);
    else container.splice(Number(field), 0, structuredClone(container[field]));
  } else {
    if (kind === 'rename') setOwn(container, key, container[field]);
    if (kind === 'remove' || kind === 'rename') delete container[field];
    if (kind === 'add' || kind === 'repeat') setOwn(container, key, fresh);
  }
  return document;
}

function setOwn(container: Container, field: string | number, value: unknown): void {
  Object.defineProperty(container, field, { value, writable: true, enumerable: true, configurable: true });
}

function objectOf(entries: readonly (readonly [string, unknown])[]): unknown {
  const object = {};
  for (const [key, value] of entries) setOwn(object, key, value);
  return object;
}

function deep(levels: number, bracket: '[' | '{'): unknown {
  let value: unknown = 0;
  for (let level = 0; level < levels; level++) value = bracket === '[' ? [value] : { a: value };
  return value;
}
