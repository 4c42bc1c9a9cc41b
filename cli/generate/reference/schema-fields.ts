/** A JSON schema as reference text: an object a heading, a field a list item with its type, bounds, default and meaning. */
import { z } from 'zod';
import { objectName } from '../../../policies/resources/resource.ts';
import { code, link, listItem, plain, sentence } from './markdown.ts';

export interface JsonSchema {
  readonly type?: string | readonly string[];
  readonly format?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly pattern?: string;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  readonly items?: JsonSchema;
  readonly additionalProperties?: JsonSchema | boolean;
  readonly anyOf?: readonly JsonSchema[];
  readonly oneOf?: readonly JsonSchema[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly exclusiveMinimum?: number | boolean;
  readonly exclusiveMaximum?: number | boolean;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly maxProperties?: number;
  readonly 'x-kubernetes-int-or-string'?: boolean;
  readonly 'x-kubernetes-validations'?: readonly { rule: string; message: string; fieldPath?: string }[];
}

export interface SchemaText {
  /** Of the headings, `####`. */
  readonly headingMarks: string;
  /** Before a path in a heading, so that headings are unique on the page. */
  readonly owner: string;
  /** Heading by object: one that comes again on the page is described once. Grows. */
  readonly described: Map<string, string>;
}

/**
 * The headings and fields of an object and, after it, of every object within, in the order of the schema.
 * @param path of the object, such as `spec.metrics[]`; '' for one that stands under a heading already, which is `owner`
 * @throws Error naming the field that nobody has described
 */
export function objectSections(schema: JsonSchema, path: string, text: SchemaText): string[] {
  const required = new Set(schema.required ?? []);
  const fields = Object.entries(schema.properties ?? {});
  if (path === '') text.described.set(identityOf(schema), text.owner);
  for (const [innerPath, object] of fields.flatMap(([name, field]) => innerObjects(field, fieldPath(path, name)))) {
    if (!text.described.has(identityOf(object))) text.described.set(identityOf(object), headingOf(innerPath, text));
  }
  const items = fields.map(([name, field]) => fieldItem(name, field, required.has(name), fieldPath(path, name), text));
  const rules = (schema['x-kubernetes-validations'] ?? []).map(ruleItem);
  const section = [
    ...(path === '' ? [] : [`${text.headingMarks} ${headingOf(path, text)}`]),
    items.join('\n'),
    ...(rules.length > 0 ? ['Rules:', rules.join('\n')] : []),
  ].join('\n\n');
  const inner = fields.flatMap(([name, field]) => innerObjects(field, fieldPath(path, name)));
  const fresh = inner.filter(([at, object]) => text.described.get(identityOf(object)) === headingOf(at, text));
  return [section, ...fresh.flatMap(([innerPath, object]) => objectSections(object, innerPath, text))];
}

/** Of what stands below its heading: the field that it is the value of has a description of its own. */
function identityOf({ properties, required, 'x-kubernetes-validations': rules }: JsonSchema): string {
  return JSON.stringify([properties, required, rules]);
}

const fieldPath = (path: string, name: string) => (path === '' ? name : `${path}.${name}`);

const headingOf = (path: string, { owner }: SchemaText) => `${owner} ${path}`.trim();

/** Objects with named fields that a field holds: itself, its items, its values, its alternatives. */
function innerObjects(field: JsonSchema, path: string): [string, JsonSchema][] {
  if (field.properties !== undefined) return Object.keys(field.properties).length > 0 ? [[path, field]] : [];
  if (field.items !== undefined) return innerObjects(field.items, `${path}[]`);
  if (typeof field.additionalProperties === 'object') return innerObjects(field.additionalProperties, `${path}.*`);
  const alternatives = (field.oneOf ?? field.anyOf ?? []).filter((one) => one.properties !== undefined);
  if (alternatives.length === 1) return innerObjects(alternatives[0], path);
  return alternatives.map((one) => [`${path} (${tagOf(one)})`, one]);
}

/** What tells an alternative from the others: the value of its constant field. */
function tagOf({ properties = {} }: JsonSchema): string {
  const tag = Object.entries(properties).find(([, field]) => field.const !== undefined);
  if (tag === undefined) throw new Error('alternatives without a constant field cannot be told apart');
  return `${tag[0]} ${String(tag[1].const)}`;
}

function fieldItem(name: string, field: JsonSchema, isRequired: boolean, path: string, text: SchemaText): string {
  const described = field.description ?? field.items?.description;
  if (described === undefined) throw new Error(`${text.owner} ${path}: needs .describe(): the reference is made of it`);
  const objects = innerObjects(field, path);
  const facts = [
    typeText(field),
    ...boundTexts(field),
    isRequired && field.default === undefined ? '**required**' : '',
    defaultText(field),
  ].filter((fact) => fact !== '');
  const links = objects.map(([innerPath, object]) =>
    link(
      innerPath.split('.').at(-1) ?? innerPath,
      text.described.get(identityOf(object)) ?? headingOf(innerPath, text),
    ),
  );
  const see = links.length > 0 ? ` → ${links.join(', ')}` : '';
  const rules = field.properties === undefined ? (field['x-kubernetes-validations'] ?? []).map(ruleText) : [];
  return listItem([`**${code(name)}**: ${facts.join(', ')}${see}.`, sentence(plain(described)), ...rules].join(' '));
}

const ruleItem = (rule: { rule: string; message: string; fieldPath?: string }) => listItem(ruleText(rule));

/** The message as the API server puts it behind a field, and the CEL expression that must hold. */
function ruleText({ rule, message, fieldPath = '' }: { rule: string; message: string; fieldPath?: string }): string {
  const blamed = fieldPath === '' ? '' : `${code(fieldPath.slice(1))} `;
  return `Refused: “${blamed}${plain(message)}” unless ${code(rule)}.`;
}

export function typeText(schema: JsonSchema): string {
  if (schema['x-kubernetes-int-or-string']) return 'integer or string';
  if (schema.const !== undefined) return code(JSON.stringify(schema.const));
  if (schema.enum !== undefined) return schema.enum.map((value) => code(String(value))).join(' | ');
  const alternatives = schema.oneOf ?? schema.anyOf;
  if (alternatives !== undefined) return [...new Set(alternatives.map(typeText))].join(' or ');
  if (schema.format === 'date-time') return 'time (RFC 3339)';
  if (schema.items !== undefined) return `list of ${plural(typeText(schema.items))}`;
  if (typeof schema.additionalProperties === 'object')
    return `map of ${plural(typeText(schema.additionalProperties))} by name`;
  return [schema.type ?? 'anything'].flat().join(' or ');
}

/** By what everybody calls them. */
const knownPatterns = new Map([
  [(z.toJSONSchema(objectName) as JsonSchema).pattern, 'a Kubernetes object name'],
  ['^[0-9a-f]{64}$', '64 hexadecimal digits'],
]);

/** Of a type's name; code and longer texts stay as they are. */
const plural = (type: string) => (/^[a-z]+$/.test(type) && type !== 'anything' ? `${type}s` : type);

export function boundTexts(schema: JsonSchema): string[] {
  const { minLength, maxLength, minItems, maxItems, maxProperties, pattern } = schema;
  const texts = [
    numberRange(schema),
    range(minLength === 0 ? undefined : minLength, maxLength, 'characters'),
    range(minItems, maxItems, 'items'),
    range(undefined, maxProperties, 'entries'),
    pattern === undefined || schema.format === 'date-time'
      ? ''
      : (knownPatterns.get(pattern) ?? `matching ${code(pattern)}`),
  ];
  const items = schema.items === undefined ? [] : boundTexts(schema.items).map((bound) => `each ${bound}`);
  return [...texts.filter((text) => text !== ''), ...items];
}

function numberRange({ minimum, maximum, exclusiveMinimum, exclusiveMaximum }: JsonSchema): string {
  // OpenAPI 3.0 says of a bound that it is exclusive; later JSON schemas give an exclusive bound.
  const above =
    exclusiveMinimum === true ? minimum : exclusiveMinimum || exclusiveMinimum === 0 ? exclusiveMinimum : undefined;
  const below =
    exclusiveMaximum === true ? maximum : exclusiveMaximum || exclusiveMaximum === 0 ? exclusiveMaximum : undefined;
  const low = above === undefined && !isSafeBound(minimum) ? minimum : undefined;
  const high = below === undefined && !isSafeBound(maximum) ? maximum : undefined;
  return [
    above === undefined ? '' : `above ${figure(above)}`,
    range(low, high, ''),
    below === undefined ? '' : `below ${figure(below)}`,
  ]
    .filter((part) => part !== '')
    .join(', ');
}

/** zod says of every integer that it is one that a double can hold. */
const isSafeBound = (bound: number | undefined) => bound === undefined || Math.abs(bound) === Number.MAX_SAFE_INTEGER;

function range(low: number | undefined, high: number | undefined, unit: string): string {
  const of = unit === '' ? '' : ` ${unit}`;
  if (low !== undefined && low === high) return `${figure(low)}${of}`;
  if (low !== undefined && high !== undefined) return `${figure(low)} to ${figure(high)}${of}`;
  if (low !== undefined) return `at least ${figure(low)}${of}`;
  return high === undefined ? '' : `at most ${figure(high)}${of}`;
}

const figure = (value: number) => value.toLocaleString('en-US');

/** Defaults that are made of the defaults within are shown there. */
function defaultText({ default: value }: JsonSchema): string {
  if (value === undefined || (typeof value === 'object' && value !== null && !Array.isArray(value))) return '';
  return `default ${code(typeof value === 'string' ? value : JSON.stringify(value))}`;
}
