/** One closed loop in full: its curves, metrics, proposals, and what holds it back. */
import { renderChart } from '../../env/report/chart-svg.ts';
import { formatDuration, formatThreeDigits } from '../../env/report/number-format.ts';
import { escapeHtml, scrollBox } from '../../env/report/page.ts';
import type { ClosedLoopView } from './closed-loop-view.ts';
import { type CurvesInput, curveColors, loadChart, p95Chart, replicasChart } from './loop-charts.ts';
import {
  loadHtml,
  modeBadge,
  p95Html,
  proposalDetails,
  proposalText,
  sizeHtml,
  standingBadge,
  timeHtml,
} from './page-parts.ts';

/** What it is and does now, in words. */
export function stateHtml(loop: ClosedLoopView): string {
  const { standing, target, minReplicas, maxReplicas, summary, obstacles, decisions, unmeasured } = loop;
  const [last] = decisions;
  const since = last === undefined ? '' : ` <span class="spread">${timeHtml(last.second)}</span>`;
  const notes = [...obstacles, ...unmeasured].map((text) => `<li>${escapeHtml(text)}</li>`);
  return [
    `<p class="facts">${standingBadge(standing)} scales ${escapeHtml(target)} between ${minReplicas} and ${maxReplicas ?? '?'}</p>`,
    `<p class="decision">${escapeHtml(last?.text ?? 'No decision yet')}${since}</p>`,
    last === undefined ? `<p>${escapeHtml(summary)}</p>` : '',
    notes.length > 0 ? `<ul class="notes">${notes.join('')}</ul>` : '',
  ].join('');
}

export function chartsHtml(input: CurvesInput): string {
  const { loop } = input;
  const legend = (color: string, text: string, line = 'solid') =>
    `<span class="key"><span class="line" style="border-top:2px ${line} ${color}"></span>${text}</span>`;
  const hasProposals = input.points.some(({ setPoint }) => setPoint !== undefined);
  const hasHpa = input.points.some(({ hpaWouldBe }) => hpaWouldBe !== undefined);
  const panels = [
    {
      title: 'Load',
      value: loop.load === undefined ? '—' : `${loadHtml(loop.load)} requests/s`,
      chart: loadChart(input),
      keys: '',
    },
    {
      title: 'p95',
      value: loop.p95Milliseconds === undefined ? '—' : `${p95Html(loop)} ms`,
      chart: p95Chart(input),
      keys: loop.p95LimitMilliseconds === undefined ? '' : legend('var(--violation)', 'limit'),
    },
    {
      title: 'Replicas',
      value: `${sizeHtml(loop.size)}${loop.size.ready === undefined ? '' : ' ready'}`,
      chart: replicasChart(input),
      keys: [
        legend(curveColors.ready, 'ready'),
        legend(curveColors.desired, 'wanted', 'dashed'),
        hasProposals ? legend(curveColors.setPoint, 'set-point', 'dashed') : '',
        hasHpa ? legend(curveColors.hpaWouldBe, 'an HPA', 'dotted') : '',
      ].join(''),
    },
  ];
  return panels
    .filter(({ chart }) => chart !== undefined)
    .map(
      ({ title, value, chart, keys }) =>
        `<figure><figcaption><span><b>${title}</b> ${value}</span><span class="keys">${keys}</span></figcaption>${chart === undefined ? '' : renderChart(chart)}</figure>`,
    )
    .join('');
}

export function detailsHtml(loop: ClosedLoopView, showsDecisions: boolean): string {
  return [metricsTable(loop), proposalsHtml(loop), showsDecisions ? decisionsTable(loop) : ''].join('');
}

function metricsTable({ title, metrics, decisions }: ClosedLoopView): string {
  if (metrics.length === 0) return '';
  const rows = metrics.map(({ name, rank, specifiedRank, value, thresholds, breach, missing }) => {
    const moved = rank === specifiedRank ? '' : ` <span class="spread">(spec: ${specifiedRank})</span>`;
    const state =
      missing !== undefined
        ? `<strong class="above">missing</strong> ${escapeHtml(missing)}`
        : breach === undefined
          ? 'within'
          : `<strong class="above">${breach}</strong>`;
    return `<tr><td>${rank}${moved}</td><th scope="row" class="text">${escapeHtml(name)}</th><td>${value === undefined ? '—' : formatThreeDigits(value)}</td><td class="text">${escapeHtml(thresholds)}</td><td class="text wrap">${state}</td></tr>`;
  });
  const caption = `Metrics by effective rank; values of the last decision that differed, ${decisions.length > 0 ? timeHtml(decisions[0].second) : 'none yet'}.`;
  return scrollBox(
    `Metrics of ${title}`,
    `<table><caption>${caption}</caption><thead><tr><th scope="col">Rank</th><th scope="col" class="text">Metric</th><th scope="col">Value</th><th scope="col" class="text">Reacts to</th><th scope="col" class="text">State</th></tr></thead><tbody>${rows.join('')}</tbody></table>`,
  );
}

function proposalsHtml({ proposals }: ClosedLoopView): string {
  if (proposals.length === 0)
    return '<p class="note">No deliberative loop selects it: it goes by its ranks and thresholds alone.</p>';
  const items = proposals.map((proposal) => {
    const isThere = proposal.second !== undefined;
    const remarks = [
      proposalDetails(proposal),
      isThere ? timeHtml(proposal.second) : '',
      isThere && !proposal.acts ? 'shown only' : '',
      proposal.isStale ? '<strong class="above">stale, so it is ignored</strong>' : '',
    ].filter((remark) => remark !== '');
    const spread = remarks.map((remark) => ` <span class="spread">· ${remark}</span>`).join('');
    return `<li>${modeBadge(proposal.mode)} <b>${escapeHtml(proposal.by)}</b>: ${escapeHtml(proposalText(proposal))}${spread}</li>`;
  });
  return `<ul class="proposals">${items.join('')}</ul>`;
}

function decisionsTable({ title, decisions }: ClosedLoopView): string {
  if (decisions.length === 0) return '';
  const rows = decisions.map(
    ({ text, second, losers, clampedBy }) =>
      `<tr><th scope="row" class="text">${timeHtml(second)}</th><td class="text wrap">${escapeHtml(text)}</td><td class="text wrap">${escapeHtml(losers.join(', ')) || '—'}</td><td class="text wrap">${escapeHtml(clampedBy.join(', ')) || '—'}</td></tr>`,
  );
  return scrollBox(
    `Decisions of ${title}`,
    `<table><caption>The last decisions that differed, newest first.</caption><thead><tr><th scope="col" class="text">When</th><th scope="col" class="text">Decision</th><th scope="col" class="text">Lost</th><th scope="col" class="text">Held back by</th></tr></thead><tbody>${rows.join('')}</tbody></table>`,
  );
}

/** "the last 30 min". */
export function windowText(seconds: number): string {
  return `the last ${formatDuration(seconds)}`;
}
