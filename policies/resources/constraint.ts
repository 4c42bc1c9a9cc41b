/**
 * A rule between fields, said once for both who parse: zod (in our processes) and the API server (CEL in the CRD, by
 * `x-kubernetes-validations`). Both report the same field with the same words.
 */
import type { z } from 'zod';

export interface Constraint<Value> {
  /** Field of the value that is to blame; the value itself when left out. Must be in the schema. */
  readonly path?: readonly string[];
  /** What is wrong and what to do. */
  readonly message: string;
  /** `message` with the numbers in it, for zod alone: the API server counts the cost of computing text as if it were a rule. */
  readonly detailed?: (value: Value) => string;
  /** True when all is well; `self` is the value after defaulting. */
  readonly cel: string;
  /** The same in TypeScript. */
  readonly holds: (value: Value) => boolean;
}

/** An entry of `x-kubernetes-validations`. */
export interface CelRule {
  readonly rule: string;
  readonly message: string;
  readonly fieldPath?: string;
}

export const celRulesKey = 'x-kubernetes-validations';

/** The schema with further rules; what was described before stays. */
export function constrained<Schema extends z.ZodType>(
  schema: Schema,
  ...constraints: readonly Constraint<z.output<Schema>>[]
): Schema {
  const refined = schema.superRefine((value, context) => {
    for (const { path = [], message, detailed, holds } of constraints) {
      if (holds(value)) continue;
      context.addIssue({ code: 'custom', path: [...path], message: detailed?.(value) ?? message });
    }
  });
  return withCelRules(refined, ...constraints.map(celRuleOf)) as Schema;
}

/** Rules that only the API server can check, since it alone knows the object before (`oldSelf`). */
export function withCelRules<Schema extends z.ZodType>(schema: Schema, ...rules: readonly CelRule[]): Schema {
  const meta = schema.meta() ?? {};
  const earlier = (meta[celRulesKey] ?? []) as readonly CelRule[];
  return schema.meta({ ...meta, [celRulesKey]: [...earlier, ...rules] });
}

function celRuleOf<Value>({ path, message, cel }: Constraint<Value>): CelRule {
  return {
    rule: cel,
    message,
    ...(path && path.length > 0 && { fieldPath: path.map((field) => `.${field}`).join('') }),
  };
}

/** A rule that of these fields exactly one is given. */
export function exactlyOneOf<Value extends object>(fields: readonly (keyof Value & string)[]): Constraint<Value> {
  return {
    message: `needs exactly one of ${fields.slice(0, -1).join(', ')} and ${fields.at(-1)}`,
    cel: `[${fields.map((field) => `has(self.${field})`).join(', ')}].exists_one(given, given)`,
    holds: (value) => fields.filter((field) => value[field] !== undefined).length === 1,
  };
}

/** A rule that one number is not above another; where one of them is absent, it holds. */
export function ordered<Value extends object>(
  low: keyof Value & string,
  high: keyof Value & string,
): Constraint<Value> {
  return {
    path: [low],
    message: `is above ${high}: lower ${low} or raise ${high}`,
    cel: `!has(self.${low}) || !has(self.${high}) || self.${low} <= self.${high}`,
    holds: (value) => {
      const [smaller, larger] = [value[low], value[high]] as readonly (number | undefined)[];
      return smaller === undefined || larger === undefined || smaller <= larger;
    },
  };
}

/** A rule that no two items of a list have the same key. */
export function unique<Item>(
  message: string,
  key: (item: Item) => string | number,
  /** CEL expression of the key of `item`, such as `${item}.name`. */
  cel: (item: string) => string,
): Constraint<readonly Item[]> {
  return {
    message,
    cel: `self.all(one, self.exists_one(other, ${cel('other')} == ${cel('one')}))`,
    holds: (items) => new Set(items.map(key)).size === items.length,
  };
}
