/** Small pieces of the page. Every text in the view is escaped here or where it is put in. */
import { formatDecimal, formatShort, formatThreeDigits } from '../../env/report/number-format.ts';
import { escapeHtml } from '../../env/report/page.ts';
import type { ClosedLoopView, Standing } from './closed-loop-view.ts';
import type { ProposalView } from './proposal-view.ts';

/** Letters, digits and hyphens, another for every key: ids of elements and charts. Keys have no capital letters. */
export function idOf(key: string): string {
  return key.replace(/[^a-z0-9-]/g, (character) => `X${character.codePointAt(0)?.toString(16)}X`);
}

/** The page's script turns it into an age and keeps that up to date, so that the text itself changes only with the time. */
export function timeHtml(second: number | undefined): string {
  if (second === undefined || !Number.isFinite(second)) return '—';
  const iso = new Date(second * 1000).toISOString();
  return `<time datetime="${iso}" title="${iso}" data-since="${second}">at ${iso.slice(11, 19)} UTC</time>`;
}

const standingWords: Readonly<Record<Standing, string>> = {
  ok: 'ok',
  limited: 'held back',
  paused: 'paused',
  trouble: 'trouble',
  new: 'not seen yet',
};

export function standingBadge(standing: Standing): string {
  return `<span class="badge ${standing}">${standingWords[standing]}</span>`;
}

export function modeBadge(mode: string): string {
  return `<span class="badge mode">${escapeHtml(mode)}</span>`;
}

/** "4 / 6" with what is meant for those who cannot see it. */
export function sizeHtml({ desired, ready }: ClosedLoopView['size']): string {
  if (desired === undefined) return '—';
  if (ready === undefined) return `${desired}`;
  const pending = ready < desired ? ' class="pending"' : '';
  return `<span${pending}>${ready}<span aria-hidden="true"> / </span><span class="hidden"> ready of </span>${desired}</span>`;
}

export function loadHtml(load: number | undefined): string {
  return load === undefined ? '—' : formatThreeDigits(load);
}

export function p95Html({ p95Milliseconds, p95LimitMilliseconds }: ClosedLoopView): string {
  if (p95Milliseconds === undefined) return '—';
  const value = formatThreeDigits(p95Milliseconds);
  if (p95LimitMilliseconds === undefined) return value;
  const isAbove = p95Milliseconds > p95LimitMilliseconds;
  const limit = `<span class="spread"> of ${formatShort(p95LimitMilliseconds)}</span>`;
  return isAbove
    ? `<strong class="above">${value}</strong>${limit}<span class="hidden">, above the limit</span>`
    : `${value}${limit}`;
}

/** "set-point 6, ranks p95, cpu", "hold". */
export function proposalText({ second, setPoint, ranking }: ProposalView): string {
  if (second === undefined) return 'nothing proposed yet';
  const parts = [setPoint === undefined ? 'hold' : `set-point ${setPoint}`];
  if (ranking !== undefined) parts.push(`ranks ${ranking}`);
  return parts.join(', ');
}

/** "confidence 83 %, value −1.20, an HPA would be 8"; empty when the policy says none of it. */
export function proposalDetails({ confidence, value, hpaWouldBe }: ProposalView): string {
  const parts: string[] = [];
  if (confidence !== undefined) parts.push(`confidence ${formatDecimal(confidence * 100, 0)} %`);
  if (value !== undefined) parts.push(`value ${formatDecimal(value)}`);
  if (hpaWouldBe !== undefined) parts.push(`an HPA would be ${hpaWouldBe}`);
  return parts.join(', ');
}
