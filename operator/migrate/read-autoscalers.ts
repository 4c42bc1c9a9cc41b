/** Autoscalers from what kubectl prints or people wrote: documents, Lists, other kinds between them. Pure. */
import { type Document, parseAllDocuments } from 'yaml';
import type { z } from 'zod';
import { UserError } from '../../env/errors.ts';
import { type Hpa, hpaSchema, type ScaledObject, scaledObjectSchema } from './schemas.ts';

export type Autoscaler = { readonly source: string } & (
  | { readonly kind: 'HorizontalPodAutoscaler'; readonly object: Hpa }
  | { readonly kind: 'ScaledObject'; readonly object: ScaledObject }
);

export interface ReadAutoscalers {
  readonly autoscalers: readonly Autoscaler[];
  /** Kinds and names of what was passed over, with the reason. */
  readonly passedOver: readonly string[];
}

interface Named {
  readonly apiVersion?: unknown;
  readonly kind?: unknown;
  readonly metadata?: { readonly name?: unknown; readonly namespace?: unknown };
  readonly items?: unknown;
}

const hpaVersions = new Set(['autoscaling/v1', 'autoscaling/v2', 'autoscaling/v2beta2']);

/** @param origin names the text in errors @throws UserError `migrate.yaml` */
export function parseDocuments(text: string, origin: string): unknown[] {
  const documents = parseAllDocuments(text, { maxAliasCount: 100 } as Parameters<typeof parseAllDocuments>[1]);
  return [...documents].flatMap((document) => {
    const [error] = document.errors;
    if (error !== undefined) {
      throw new UserError('migrate.yaml', `${origin} is not YAML: ${error.message}`, { cause: error });
    }
    const value = plainValue(document, origin);
    return value === null || value === undefined ? [] : [value];
  });
}

function plainValue(document: Pick<Document, 'toJS'>, origin: string): unknown {
  try {
    return document.toJS({ maxAliasCount: 100 });
  } catch (cause) {
    // Of an alias of nothing, or of so many that they would fill the memory.
    throw new UserError('migrate.yaml', `${origin} is not YAML: ${(cause as Error).message}`, { cause });
  }
}

/**
 * @param namespace of objects that name none
 * @throws UserError `migrate.object` naming object and field
 */
export function readAutoscalers(documents: readonly unknown[], namespace: string | undefined): ReadAutoscalers {
  const autoscalers: Autoscaler[] = [];
  const passedOver: string[] = [];
  for (const value of documents.flatMap(itemsOf)) {
    const { apiVersion, kind, metadata } = value;
    const name = `${String(kind)} ${String(metadata?.namespace ?? namespace ?? 'default')}/${String(metadata?.name)}`;
    if (kind === 'HorizontalPodAutoscaler') {
      if (!hpaVersions.has(String(apiVersion))) {
        throw new UserError(
          'migrate.object',
          `${name}: apiVersion ${String(apiVersion)} is not read; give it as autoscaling/v2 (kubectl get horizontalpodautoscalers.v2.autoscaling -o yaml)`,
        );
      }
      const object = parsed(hpaSchema, value, name, namespace);
      const maker = object.metadata.ownerReferences?.find((reference) => reference.kind === 'ScaledObject');
      if (maker === undefined) autoscalers.push({ kind, source: name, object });
      else passedOver.push(`${name}: made by KEDA for ScaledObject ${maker.name}`);
    } else if (kind === 'ScaledObject') {
      autoscalers.push({ kind, source: name, object: parsed(scaledObjectSchema, value, name, namespace) });
    } else passedOver.push(`${name}: no autoscaler`);
  }
  return { autoscalers, passedOver };
}

function itemsOf(value: unknown): Named[] {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new UserError(
      'migrate.object',
      `a document is no object of Kubernetes: ${JSON.stringify(value).slice(0, 80)}`,
    );
  }
  const named = value as Named;
  const isList = typeof named.kind === 'string' && named.kind.endsWith('List') && Array.isArray(named.items);
  if (!isList) return [named];
  // Items of a typed list come without their own kind.
  const kind = (named.kind as string).slice(0, -'List'.length);
  return (named.items as unknown[]).flatMap((item) =>
    itemsOf(kind === '' ? item : { apiVersion: named.apiVersion, kind, ...(item as object) }),
  );
}

function parsed<Schema extends z.ZodType<{ metadata: { namespace?: string | undefined } }>>(
  schema: Schema,
  value: unknown,
  name: string,
  namespace: string | undefined,
): z.output<Schema> {
  const result = schema.safeParse(value);
  if (!result.success) {
    const [{ path, message }] = result.error.issues;
    throw new UserError('migrate.object', `${name}: ${path.join('.') || 'object'}: ${message}`, {
      cause: result.error,
    });
  }
  const { metadata } = result.data;
  if (metadata.namespace === undefined && namespace !== undefined) metadata.namespace = namespace;
  return result.data;
}
