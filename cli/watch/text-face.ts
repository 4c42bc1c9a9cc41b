/** The watch in a terminal: a table of at most 100 columns, or lines about what changed. Pure. */
import Table from 'cli-table3';
import { formatDuration, formatShort, formatThreeDigits } from '../../env/report/number-format.ts';
import { wrapText } from '../wrap-text.ts';
import type { ClosedLoopView } from './closed-loop-view.ts';
import { proposalDetails, proposalText } from './page-parts.ts';
import type { ProposalView } from './proposal-view.ts';
import type { Source } from './snapshot.ts';
import type { WatchView } from './view.ts';

const textColumns = 100;
/** Characters of text in each column; borders and padding make it 100. */
const columns = [
  { title: 'closed loop', width: 17 },
  { title: 'ready', width: 7 },
  { title: 'load/s', width: 7 },
  { title: 'p95 ms', width: 10 },
  { title: 'last decision', width: 21 },
  { title: 'ranks, proposal', width: 19 },
] as const;

/** All of it, for a screen that is cleared before. */
export function tableText({ second, server, sources, closedLoops, deliberativeLoops }: WatchView): string {
  const table = new Table({
    head: columns.map(({ title }) => title),
    colWidths: columns.map(({ width }) => width + 2),
    style: { head: [], border: [] },
  });
  for (const loop of closedLoops) table.push(cellsOf(loop, second).map((cell, i) => wrapLines(cell, columns[i].width)));
  const notes = [
    ...sources.filter(({ state }) => state !== 'ok').map((source) => sourceText(source, second)),
    ...closedLoops.flatMap(({ title, obstacles, unmeasured }) =>
      [...obstacles, ...unmeasured].map((text) => `${title}: ${text}`),
    ),
    ...deliberativeLoops.flatMap(({ title: agent, problems }) =>
      problems.map(({ title, message }) => `${agent}: ${title}. ${message}`),
    ),
  ];
  return [
    wrapText(
      `duoloop watch · ${server} · ${clockText(second)} · ${closedLoops.length} closed ${closedLoops.length === 1 ? 'loop' : 'loops'}`,
      textColumns,
    ),
    closedLoops.length === 0 ? 'No ClosedLoop was seen so far.' : table.toString(),
    ...notes.map((note) => wrapText(`! ${note}`, textColumns)),
  ].join('\n');
}

function wrapLines(text: string, width: number): string {
  return text
    .split('\n')
    .map((line) => wrapText(line, width))
    .join('\n');
}

function cellsOf(loop: ClosedLoopView, now: number): string[] {
  const { title, standing, load, p95Milliseconds, p95LimitMilliseconds, metrics, decisions, proposals } = loop;
  const [last] = decisions;
  const [proposal] = proposals;
  const limit = p95LimitMilliseconds === undefined ? '' : `/${formatShort(p95LimitMilliseconds)}`;
  const isAbove = p95Milliseconds !== undefined && p95Milliseconds > (p95LimitMilliseconds ?? Number.POSITIVE_INFINITY);
  return [
    standing === 'ok' ? title : `${title} [${standing}]`,
    sizeText(loop),
    load === undefined ? '—' : formatThreeDigits(load),
    p95Milliseconds === undefined ? '—' : `${formatThreeDigits(p95Milliseconds)}${limit}${isAbove ? ' !' : ''}`,
    last === undefined ? '—' : `${last.text}\n${ageText(last.second, now)} ago`,
    [metrics.map(({ name }) => name).join(', '), ...(proposal === undefined ? [] : proposalLines(proposal))].join('\n'),
  ];
}

function proposalLines(proposal: ProposalView): string[] {
  const details = proposalDetails(proposal);
  const what = `${proposal.mode}: ${proposalText(proposal)}${proposal.isStale ? ', stale' : ''}`;
  return details === '' ? [what] : [what, details];
}

/**
 * What is told where nothing can be redrawn: a line per closed loop, source or deliberative loop that differs from before in
 * more than load and latency.
 */
export function changeLines(before: WatchView | undefined, after: WatchView): string[] {
  const known = new Map(before === undefined ? [] : statements(before));
  const time = clockText(after.second);
  const lines = [...statements(after)]
    .filter(([id, { identity }]) => known.get(id)?.identity !== identity)
    .map(([, { text }]) => `${time} ${text}`);
  const now = new Set(after.closedLoops.map(({ key }) => key));
  const gone = before?.closedLoops.filter(({ key }) => !now.has(key)) ?? [];
  return [...lines, ...gone.map(({ title }) => `${time} ${title}: is gone`)];
}

/** By what they are about; of the same identity, the second says nothing new. */
function statements(view: WatchView): Map<string, { readonly identity: string; readonly text: string }> {
  const all = new Map<string, { identity: string; text: string }>();
  for (const source of view.sources) {
    const isSilent = source.state === 'ok' && source.message === '';
    const text = isSilent ? `${source.name}: answers` : sourceText(source, view.second);
    all.set(`source ${source.name}`, { identity: source.state, text });
  }
  for (const loop of view.closedLoops) {
    const { key, title, standing, load, p95Milliseconds, decisions, proposals, obstacles } = loop;
    const measured = [
      load === undefined ? [] : [`${formatThreeDigits(load)} requests/s`],
      p95Milliseconds === undefined ? [] : [`p95 ${formatThreeDigits(p95Milliseconds)} ms`],
    ].flat();
    const said = proposals
      .filter(({ second }) => second !== undefined)
      .map(
        (proposal) =>
          `${proposal.by} (${proposal.mode}): ${proposalText(proposal)}${proposal.isStale ? ', stale' : ''}`,
      );
    const lasting = [
      decisions[0]?.text ?? 'no decision yet',
      ...said,
      ...(standing === 'ok' ? [] : [standing, ...obstacles]),
    ];
    const identity = JSON.stringify([sizeText(loop), lasting]);
    all.set(`loop ${key}`, {
      identity,
      text: `${title}: ${[`${sizeText(loop)} ready`, ...measured, ...lasting].join('; ')}`,
    });
  }
  for (const { key, title: agent, mode, policy, problems } of view.deliberativeLoops) {
    const text = [`${mode}, ${policy}`, ...problems.map(({ title, message }) => `${title}. ${message}`)].join('; ');
    all.set(`agent ${key}`, { identity: text, text: `${agent}: ${text}` });
  }
  return all;
}

function sizeText({ size: { desired, ready } }: ClosedLoopView): string {
  return desired === undefined ? '—' : `${ready ?? '?'}/${desired}`;
}

function sourceText({ name, state, message, lastSeenSecond }: Source, now: number): string {
  if (state === 'waiting') return `${name}: waiting for it`;
  const seen = lastSeenSecond === undefined ? '' : `last seen ${ageText(lastSeenSecond, now)} ago: `;
  return `${name}: ${seen}${message}`;
}

function ageText(second: number, now: number): string {
  return formatDuration(Math.max(0, now - second));
}

function clockText(second: number): string {
  return `${new Date(second * 1000).toISOString().slice(11, 19)} UTC`;
}
