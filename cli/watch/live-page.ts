/** A page of the watch as parts that change by themselves, and what has to be sent to bring an older one up to date. */
import { escapeHtml, scrollBox } from '../../env/report/page.ts';
import { printable } from '../../env/report/printable.ts';
import type { DeliberativeLoopView } from './deliberative-loop-view.ts';
import { chartsHtml, detailsHtml, stateHtml, windowText } from './loop-card.ts';
import {
  type Column,
  closedLoopCells,
  closedLoopColumns,
  deliberativeLoopCells,
  deliberativeLoopColumns,
  loopPath,
} from './overview-rows.ts';
import { idOf, timeHtml } from './page-parts.ts';
import { keyOfPath } from './page-path.ts';
import type { Source } from './snapshot.ts';
import type { Sight } from './watch.ts';

export interface LivePage {
  /** Pages of the same layout differ in their parts only. */
  readonly layout: string;
  /** All of it, parts included. */
  readonly html: string;
  /** Inner HTML by id of the element. */
  readonly parts: ReadonlyMap<string, string>;
}

/** Either everything or the parts that changed. */
export interface PageUpdate {
  readonly html?: string;
  readonly parts?: Readonly<Record<string, string>>;
}

/** Curves of more loops than this are on the pages of the loops only. */
const mostCards = 8;

/** @param path `/` for all, else the page of a closed loop */
export function livePage(sight: Sight, path: string): LivePage {
  const { view } = sight;
  const key = keyOfPath(path);
  const isOverview = key === undefined;
  const shown = isOverview ? view.closedLoops : view.closedLoops.filter((loop) => loop.key === key);
  const agents = isOverview ? view.deliberativeLoops : agentsOf(sight, key);
  const cards = isOverview && shown.length > mostCards ? [] : shown;
  const parts = new Map<string, string>();
  const part = (id: string, inner: string, tag = 'div', attributes = '') => {
    parts.set(id, inner);
    return `<${tag} id="${id}"${attributes}>${inner}</${tag}>`;
  };
  const row = (prefix: string, itemKey: string, columns: readonly Column[], cells: readonly string[]) =>
    part(`${prefix}-${idOf(itemKey)}`, rowHtml(columns, cells), 'tr');

  const sections = [part('sources', sourcesHtml(view.sources))];
  if (isOverview) {
    const rows = shown.map((loop) => row('row', loop.key, closedLoopColumns, closedLoopCells(loop)));
    sections.push(
      shown.length === 0
        ? part('empty', emptyHtml(view.sources), 'p')
        : tableHtml(
            `${shown.length} closed ${shown.length === 1 ? 'loop' : 'loops'}; replicas are ready / wanted`,
            closedLoopColumns,
            rows,
          ),
    );
  } else if (shown.length === 0) {
    sections.push(`<p>There is no closed loop ${escapeHtml(printable(key))} any more, or it may not be read.</p>`);
  }
  for (const loop of cards) {
    const id = idOf(loop.key);
    const points = sight.histories.get(loop.key) ?? [];
    const input = { loop, points, window: sight.window, now: view.second, id };
    const heading = isOverview
      ? `<h2><a href="${loopPath(loop.key)}">${escapeHtml(loop.title)}</a></h2>`
      : `<h1>${escapeHtml(loop.title)}</h1>`;
    sections.push(
      `<section class="card">${heading}${part(`state-${id}`, stateHtml(loop))}${part(`charts-${id}`, chartsHtml(input), 'div', ` class="charts" role="group" aria-label="Curves of ${windowText(sight.window.seconds)}"`)}${part(`details-${id}`, detailsHtml(loop, !isOverview), 'div', ' class="details"')}</section>`,
    );
  }
  if (agents.length > 0) {
    const rows = agents.map((agent) => row('agent', agent.key, deliberativeLoopColumns, deliberativeLoopCells(agent)));
    sections.push('<h2>Deliberative loops</h2>');
    sections.push(
      tableHtml(
        'Reward: mean of an interval under the policy in force; against HPA: less that of its twin in the simulator',
        deliberativeLoopColumns,
        rows,
      ),
    );
    sections.push(part('problems', problemsHtml(agents)));
  }
  const layout = JSON.stringify([path, shown.map((loop) => loop.key), agents.map((agent) => agent.key)]);
  return { layout, html: sections.join('\n'), parts };
}

/** Undefined when they are the same. */
export function pageUpdate(before: LivePage | undefined, after: LivePage): PageUpdate | undefined {
  if (before?.layout !== after.layout) return { html: after.html };
  const changed = [...after.parts].filter(([id, inner]) => before.parts.get(id) !== inner);
  return changed.length === 0 ? undefined : { parts: Object.fromEntries(changed) };
}

function agentsOf({ view }: Sight, key: string): readonly DeliberativeLoopView[] {
  const loop = view.closedLoops.find((each) => each.key === key);
  const names = new Set(loop?.proposals.map(({ by }) => by));
  return view.deliberativeLoops.filter(({ namespace, name }) => namespace === loop?.namespace && names.has(name));
}

function rowHtml(columns: readonly Column[], cells: readonly string[]): string {
  return cells
    .map((cell, i) => `<${i === 0 ? 'th scope="row"' : 'td'}${classOf(columns[i])}>${cell}</${i === 0 ? 'th' : 'td'}>`)
    .join('');
}

function tableHtml(caption: string, columns: readonly Column[], rows: readonly string[]): string {
  const head = columns.map((column) => `<th scope="col"${classOf(column)}>${escapeHtml(column.title)}</th>`).join('');
  return scrollBox(
    caption,
    `<table class="overview"><caption>${escapeHtml(caption)}</caption><thead><tr>${head}</tr></thead><tbody>${rows.join('')}</tbody></table>`,
  );
}

function classOf({ title, text, wideOnly, mediumOnly }: Column): string {
  const wraps = title === 'Last decision' || title === 'Proposal' || title === 'Policy' || title === 'Agent';
  const names = [text ? 'text' : '', wraps ? 'wrap' : '', wideOnly ? 'wide' : '', mediumOnly ? 'medium' : ''].filter(
    (name) => name !== '',
  );
  return names.length === 0 ? '' : ` class="${names.join(' ')}"`;
}

function sourcesHtml(sources: readonly Source[]): string {
  const line = sources
    .filter(({ state }) => state === 'ok')
    .map(({ name, lastSeenSecond }) => `${escapeHtml(name)} <span class="spread">${timeHtml(lastSeenSecond)}</span>`);
  const wrong = sources
    .filter(({ state }) => state !== 'ok')
    .map(({ name, state, message, lastSeenSecond }) => {
      const seen = lastSeenSecond === undefined ? '' : `, last seen ${timeHtml(lastSeenSecond)}`;
      return state === 'waiting'
        ? `<p class="note">Waiting for ${escapeHtml(name)}.</p>`
        : `<p class="wrong"><b>${escapeHtml(name)}</b>${seen}: ${escapeHtml(message)}</p>`;
    });
  return `${line.length > 0 ? `<p class="note">${line.join(' · ')}</p>` : ''}${wrong.join('')}`;
}

function emptyHtml(sources: readonly Source[]): string {
  const isComplete = sources.every(({ state }) => state === 'ok');
  return isComplete
    ? 'There is no ClosedLoop here yet. Make one (manifests/samples has some), or name other namespaces with --namespace.'
    : 'No ClosedLoop was seen so far.';
}

function problemsHtml(agents: readonly DeliberativeLoopView[]): string {
  const items = agents.flatMap(({ title: agent, problems }) =>
    problems.map(
      ({ title, message }) => `<li><b>${escapeHtml(agent)}</b> ${escapeHtml(title)}. ${escapeHtml(message)}</li>`,
    ),
  );
  return items.length === 0 ? '' : `<ul class="notes">${items.join('')}</ul>`;
}
