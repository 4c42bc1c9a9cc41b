/** The rows of the two tables that give the overview: closed loops, and what tunes them. */
import { formatDecimal, formatSigned } from '../../env/report/number-format.ts';
import { escapeHtml } from '../../env/report/page.ts';
import type { ClosedLoopView } from './closed-loop-view.ts';
import type { DeliberativeLoopView } from './deliberative-loop-view.ts';
import { loadHtml, modeBadge, p95Html, proposalText, sizeHtml, standingBadge, timeHtml } from './page-parts.ts';

export interface Column {
  readonly title: string;
  /** Left-aligned text; else a number. */
  readonly text?: boolean;
  /** Left out on narrow screens: the loop's own part of the page has it. */
  readonly wideOnly?: boolean;
  /** Left out on a telephone as well. */
  readonly mediumOnly?: boolean;
}

export const closedLoopColumns: readonly Column[] = [
  { title: 'Closed loop', text: true },
  { title: 'State', text: true, wideOnly: true },
  { title: 'Replicas' },
  { title: 'Load, 1/s', wideOnly: true },
  { title: 'p95, ms' },
  { title: 'Ranks', text: true, wideOnly: true },
  { title: 'Last decision', text: true, mediumOnly: true },
  { title: 'Proposal', text: true, wideOnly: true },
];

export function closedLoopCells(loop: ClosedLoopView): string[] {
  const { key, title, standing, size, load, metrics, decisions, proposals } = loop;
  const [last] = decisions;
  const decision =
    last === undefined ? '—' : `${escapeHtml(last.text)} <span class="spread">${timeHtml(last.second)}</span>`;
  const [proposal] = proposals;
  const proposed =
    proposal === undefined
      ? '—'
      : `${modeBadge(proposal.mode)} ${escapeHtml(proposalText(proposal))}${proposal.isStale ? ' <strong class="above">stale</strong>' : ''}`;
  return [
    `<a href="${loopPath(key)}">${escapeHtml(title)}</a>`,
    standingBadge(standing),
    sizeHtml(size),
    loadHtml(load),
    p95Html(loop),
    escapeHtml(metrics.map(({ name }) => name).join(', ')) || '—',
    decision,
    proposed,
  ];
}

/** Where the page of one closed loop is. */
export function loopPath(key: string): string {
  return `/loops/${key.split('/').map(encodeURIComponent).join('/')}`;
}

export const deliberativeLoopColumns: readonly Column[] = [
  { title: 'Deliberative loop', text: true },
  { title: 'Mode', text: true },
  { title: 'Policy', text: true },
  { title: 'Loops', wideOnly: true },
  { title: 'Agent', text: true, wideOnly: true },
  { title: 'Reward', wideOnly: true },
  { title: 'Against HPA', wideOnly: true },
  { title: 'Canary', text: true, wideOnly: true },
];

export function deliberativeLoopCells(agent: DeliberativeLoopView): string[] {
  const { title, mode, policy, closedLoops, reward, canary } = agent;
  const rewardText =
    reward === undefined
      ? '—'
      : `${formatDecimal(reward.mean)} <span class="spread">± ${formatDecimal(reward.deviation)}</span>`;
  const canaryText =
    canary === undefined
      ? '—'
      : `${escapeHtml(canary.sha256)}, ${canary.decisions} intervals, ${formatDecimal(canary.agreementPercent, 0)} % alike`;
  const alive =
    agent.agent === undefined
      ? '—'
      : `${escapeHtml(agent.agent.identity)} <span class="spread">${timeHtml(agent.agent.second)}</span>`;
  return [
    escapeHtml(title),
    modeBadge(mode),
    escapeHtml(policy),
    String(closedLoops),
    alive,
    rewardText,
    reward?.advantageMean === undefined ? '—' : formatSigned(reward.advantageMean),
    canaryText,
  ];
}
