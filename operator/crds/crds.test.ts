import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { resourceDefinitions } from '../../policies/resources/definitions.ts';
import { brokenSpecs, goodSpecs, type SpecKind, specOf } from './specs.fixture.ts';
import { structuralSchema } from './structural-schema.ts';

describe('zod', () => {
  const parse = (kind: SpecKind, spec: object) =>
    resourceDefinitions.find((definition) => definition.kind === kind)?.spec.safeParse(spec);

  test.each(Object.keys(goodSpecs) as SpecKind[])('takes a good %s', (kind) => {
    expect(parse(kind, goodSpecs[kind]())?.success).toBe(true);
  });

  test.each(brokenSpecs.map((broken) => [`${broken.kind}: ${broken.rule}`, broken] as const))(
    'refuses %s',
    (_, broken) => {
      const issues = parse(broken.kind, specOf(broken))?.error?.issues ?? [];
      const found = issues.map(({ path, message }) => `${fieldOf(path)} ${message}`);
      // Others may follow from it.
      expect(found.filter((text) => text.startsWith(`${broken.field} `) && text.includes(broken.message))).toHaveLength(
        1,
      );
    },
  );

  function fieldOf(path: readonly PropertyKey[]): string {
    return path.reduce<string>(
      (field, key) => field + (typeof key === 'number' ? `[${key}]` : `.${String(key)}`),
      'spec',
    );
  }
});

describe('structuralSchema', () => {
  test.each([
    ['an array without end', z.object({ list: z.array(z.int()) }), /\$\.list: an array needs a maximum/],
    ['a map without end', z.object({ map: z.record(z.string(), z.int()) }), /\$\.map: a map needs a maximum/],
    ['a string without end', z.object({ list: z.array(z.string()).max(3) }), /\$\.list\[\]: a string needs a maximum/],
    [
      'a union of objects',
      z.union([z.object({ a: z.int() }), z.object({ b: z.int() })]),
      /\$: a CRD cannot say a union/,
    ],
    [
      'a pattern with look-ahead',
      z
        .string()
        .max(9)
        .regex(/^(?!a)/),
      /\$: the pattern .* is not RE2/,
    ],
  ])('refuses %s, naming the place', (_, schema, message) => {
    expect(() => structuralSchema(schema)).toThrow(message);
  });

  test('refuses recursion', () => {
    const tree: z.ZodType = z.object({ children: z.array(z.lazy(() => tree)).max(3) });
    expect(() => structuralSchema(tree)).toThrow();
  });

  test('says of a step that it is an integer or a string, with the bounds of both', () => {
    expect(structuralSchema(z.union([z.int().max(5), z.string().max(4)]))).toEqual({
      'x-kubernetes-int-or-string': true,
      anyOf: [{ type: 'integer' }, { type: 'string' }],
      maximum: 5,
      maxLength: 4,
    });
  });
});
