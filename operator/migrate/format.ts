/** Migrations as YAML to apply: what has no counterpart stands beside what it is about. Pure. */
import { Document, isMap, isSeq } from 'yaml';
import type { Migration, Note } from './contract.ts';

const columns = 110;

/** Documents for `kubectl apply`; empty when nothing could be taken over. */
export function formatMigrations(migrations: readonly Migration[]): string {
  const left = migrations.filter(({ manifest }) => manifest === undefined);
  const header = left.flatMap(({ source, notes }) => [`${source} is not converted:`, ...notes.map(noteText)]);
  const documents = migrations.flatMap((migration) => (migration.manifest ? [documentOf(migration)] : []));
  if (documents.length === 0) return '';
  return (header.length > 0 ? comment(header, '#') : '') + documents.join('---\n');
}

/** One line a note, for people: what differs is said so. */
export function noteText({ text, isDifferent, metric }: Note): string {
  return `${isDifferent ? 'NOT THE SAME: ' : ''}${metric === undefined ? '' : `${metric}: `}${text}.`;
}

function documentOf({ source, manifest, notes }: Migration): string {
  const document = new Document(manifest);
  const general = notes.filter(({ metric }) => metric === undefined);
  const lines = [`From ${source}. Paused: it watches until spec.paused is false.`, ...general.map(noteText)];
  document.commentBefore = body(lines);
  const metrics = document.getIn(['spec', 'metrics']);
  for (const item of isSeq(metrics) ? metrics.items : []) {
    if (!isMap(item)) continue;
    const own = notes.filter(({ metric }) => metric !== undefined && metric === item.get('name'));
    if (own.length > 0) item.commentBefore = body(own.map((note) => noteText({ ...note, metric: undefined })));
  }
  return document.toString({ lineWidth: columns });
}

function comment(lines: readonly string[], mark: string): string {
  return `${body(lines)
    .split('\n')
    .map((line) => `${mark}${line}`)
    .join('\n')}\n\n`;
}

/** Lines of a comment without their marks; control characters would end it. */
function body(lines: readonly string[]): string {
  return lines
    .flatMap((line) => wrapped(line.replace(/[\p{Cc}\u2028\u2029]+/gu, ' ')))
    .map((line) => ` ${line}`)
    .join('\n');
}

function wrapped(line: string): string[] {
  const out: string[] = [];
  let current = '';
  for (const word of line.split(' ')) {
    if (current !== '' && current.length + 1 + word.length > columns - 4) {
      out.push(current);
      current = `  ${word}`;
    } else current = current === '' ? word : `${current} ${word}`;
  }
  return [...out, current];
}
