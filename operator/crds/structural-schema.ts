/** zod → the dialect of JSON schema that CustomResourceDefinitions take: "structural", bounded, no unions of objects. */
import { z } from 'zod';

export interface StructuralSchema {
  readonly [keyword: string]: unknown;
  readonly required?: readonly string[];
}

type Json = Record<string, unknown>;

/** Keywords of JSON schema and zod that API servers refuse, ignore or that say nothing to a client. */
const dropped = new Set(['$schema', 'id', 'readOnly', 'deprecated', 'examples', 'title', 'propertyNames']);

/** @throws Error naming the path of what a CRD cannot say, or of what is not bounded */
export function structuralSchema(schema: z.ZodType): StructuralSchema {
  return convert(z.toJSONSchema(schema, { target: 'openapi-3.0', io: 'input', cycles: 'throw' }) as Json, '$');
}

function convert(source: Json, path: string): StructuralSchema {
  if (source.$ref !== undefined) throw new Error(`${path}: a CRD cannot refer to another schema`);
  if (isIntegerOrString(source)) return integerOrString(source);
  if (source.anyOf !== undefined || source.oneOf !== undefined || source.allOf !== undefined) {
    throw new Error(`${path}: a CRD cannot say a union or an intersection; use optional fields and a constraint`);
  }
  const result = withoutNoise(source);
  // Unknown fields are pruned by the server, or refused where the client asks for it (kubectl does).
  if (typeof result.additionalProperties === 'boolean' || isEmpty(result.additionalProperties)) {
    delete result.additionalProperties;
  }
  if (result.properties) {
    result.properties = mapValues(result.properties as Json, (value, name) => convert(value, `${path}.${name}`));
  }
  // The server tries rules on the default as it stands, before the defaults within it are filled in.
  if (isObject(result.default) && isObject(result.properties)) {
    const inner = Object.entries(result.properties as Record<string, Json>).filter(
      ([, { default: value }]) => value !== undefined,
    );
    result.default = {
      ...Object.fromEntries(inner.map(([name, property]) => [name, property.default])),
      ...result.default,
    };
  }
  if (result.items) result.items = convert(result.items as Json, `${path}[]`);
  if (result.additionalProperties) {
    result.additionalProperties = convert(result.additionalProperties as Json, `${path}{}`);
  }
  // The server checks the format; the pattern that zod gives with it only makes the CRD unreadable.
  if (result.format === 'date-time') delete result.pattern;
  if (result.type === undefined) result['x-kubernetes-preserve-unknown-fields'] = true;
  checkPattern(result.pattern, path);
  checkBounds(result, path);
  return result;
}

function isIntegerOrString({ anyOf }: Json): boolean {
  if (!Array.isArray(anyOf) || anyOf.length !== 2) return false;
  return anyOf[0].type === 'integer' && anyOf[1].type === 'string';
}

/** Bounds of numbers count for numbers only and those of strings for strings only, so both fit beside each other. */
function integerOrString({ anyOf, ...rest }: Json): StructuralSchema {
  const [{ type: _integer, ...numberBounds }, { type: _string, ...stringBounds }] = anyOf as [Json, Json];
  return {
    ...rest,
    'x-kubernetes-int-or-string': true,
    anyOf: [{ type: 'integer' }, { type: 'string' }],
    ...withoutNoise({ ...numberBounds, ...stringBounds }),
  };
}

function withoutNoise(source: Json): Json {
  const entries = Object.entries(source);
  return Object.fromEntries(
    entries.filter(([keyword, value]) => !dropped.has(keyword) && !isSafeIntegerBound(keyword, value)),
  );
}

/** zod says of every integer that it is one that a double can hold. */
function isSafeIntegerBound(keyword: string, value: unknown): boolean {
  return (keyword === 'minimum' || keyword === 'maximum') && Math.abs(value as number) === Number.MAX_SAFE_INTEGER;
}

function checkPattern(pattern: unknown, path: string): void {
  // Kubernetes matches with RE2, which has neither look-around nor back-references.
  if (typeof pattern === 'string' && /\(\?[=!<]|\\[1-9]/.test(pattern)) {
    throw new Error(`${path}: the pattern ${pattern} is not RE2: the API server could not compile it`);
  }
}

/** Without bounds the API server assumes the largest request there can be, and refuses rules for their cost. */
function checkBounds(schema: Json, path: string): void {
  if (schema.type === 'array' && schema.maxItems === undefined) throw new Error(`${path}: an array needs a maximum`);
  if (schema.additionalProperties && schema.maxProperties === undefined) {
    throw new Error(`${path}: a map needs a maximum: use boundedRecord`);
  }
  const bounded = schema.maxLength ?? schema.enum ?? schema.format;
  // A pattern that is closed at both ends and repeats nothing without end is a bound too.
  const closed = typeof schema.pattern === 'string' && !/[*+]|,\}/.test(schema.pattern);
  if (schema.type === 'string' && bounded === undefined && !closed)
    throw new Error(`${path}: a string needs a maximum`);
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isEmpty(value: unknown): boolean {
  return isObject(value) && Object.keys(value).length === 0;
}

function mapValues(record: Json, change: (value: Json, key: string) => unknown): Json {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, change(value as Json, key)]));
}
