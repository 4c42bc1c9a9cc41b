/** An explanation as text of at most 100 columns. */
import { printable } from '../../env/report/printable.ts';
import type { DecisionRecord } from '../../policies/resources/closed-loop.ts';
import type { AgentView, Explanation, MissingMetric } from './explain.ts';

const columns = 100;

/** @param now Unix seconds: ages are counted from it */
export function explanationText(explanation: Explanation, now: number): string {
  const { namespace, name, target, bounds, intervalSeconds, summary, obstacles, missing, agents } = explanation;
  const rhythm = intervalSeconds === undefined ? '' : `, every ${intervalSeconds} s`;
  const lines = [
    ...wrap(`ClosedLoop ${namespace}/${name} → ${target}: ${sizeText(explanation)}, ${bounds} allowed${rhythm}`),
    ...(explanation.ranking === '' ? [] : wrap(`Ranks: ${explanation.ranking.split(',').join(', ')}`)),
    '',
    ...wrap(summary),
  ];
  const section = (title: string, paragraphs: readonly string[]) => {
    if (paragraphs.length > 0) lines.push('', title, ...paragraphs.flatMap((text) => wrap(text, '  - ', '    ')));
  };
  section('What holds it back, and what to do', obstacles);
  section(
    'Missing metrics',
    missing.map((metric) => missingText(metric, now)),
  );
  section('Agent', [...agents.map(agentText), ...setPointText(explanation, now)]);
  if (explanation.decisions.length > 0) {
    lines.push('', 'Last decisions that differed, newest first');
    for (const decision of explanation.decisions) lines.push(...decisionLines(decision, now));
  }
  return lines.join('\n');
}

function sizeText({ targetSize }: Explanation): string {
  if (targetSize === undefined) return 'not there';
  if (typeof targetSize === 'string') return `not readable (${targetSize})`;
  const { replicas, ready } = targetSize;
  return ready === undefined ? `size ${replicas}` : `size ${replicas}, ${ready} ready`;
}

function missingText({ name, reason, since, orEarlier }: MissingMetric, now: number): string {
  return `${name}: ${reason}; since ${ageText(since, now)} ago${orEarlier ? ' or longer' : ''}`;
}

function agentText({ name, mode, proposal, isStale, staleAfterSeconds, problems }: AgentView): string {
  const head = `DeliberativeLoop ${name} (${mode})`;
  const wrong = problems.length > 0 ? ` ${problems.join(' ')}` : '';
  if (proposal === undefined) return `${head} has proposed nothing for it.${wrong}`;
  const what = proposal.setPoint === undefined ? 'no size' : `size ${proposal.setPoint}`;
  const age = durationText(proposal.ageSeconds);
  const acts = mode === 'Observe' || mode === 'Recommend' ? `, which ${mode} only shows` : '';
  const freshness = isStale
    ? `stale after ${staleAfterSeconds} s, so it is ignored: see whether the agent runs`
    : `fresh until it is ${staleAfterSeconds} s old`;
  return `${head} proposed ${what} ${age} ago${acts}; ${freshness}.${wrong}`;
}

function setPointText({ setPoint }: Explanation, now: number): string[] {
  if (setPoint === undefined) return [];
  const state = setPoint.applied ? 'was applied' : 'is to be applied at the next tick that allows it';
  return [`The last set-point taken in, ${setPoint.size} of ${ageText(setPoint.time, now)} ago, ${state}.`];
}

function decisionLines(decision: DecisionRecord, now: number): string[] {
  const { time, message, action, from, to, vertical, losers, clampedBy, missing, values } = decision;
  const size = from === to ? `at ${to}` : `${from} → ${to}`;
  const pods = vertical === undefined ? '' : `, pods to ${vertical.to} × ${vertical.resource}`;
  const details = [
    Object.entries(values)
      .map(([name, value]) => `${name} ${Number(value.toPrecision(4))}`)
      .join(', '),
    losers.length > 0 ? `lost: ${losers.join(', ')}` : '',
    clampedBy.length > 0 ? `clamped by: ${clampedBy.join(', ')}` : '',
    missing.length > 0 ? `missing: ${missing.map(({ name }) => name).join(', ')}` : '',
  ].filter((text) => text !== '');
  return [
    ...wrap(`${`${ageText(time, now)} ago`.padEnd(14)}${message} · ${action} · ${size}${pods}`, '  ', ' '.repeat(16)),
    ...(details.length > 0 ? wrap(details.join('; '), ' '.repeat(16), ' '.repeat(16)) : []),
  ];
}

function ageText(timestamp: string, now: number): string {
  return durationText(Math.max(0, Math.round(now - Date.parse(timestamp) / 1000)));
}

/** The two largest units, as kubectl shows ages. */
function durationText(seconds: number): string {
  if (seconds < 120) return `${seconds} s`;
  if (seconds < 7200) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 172_800) return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`;
  return `${Math.floor(seconds / 86_400)} d`;
}

/** The longest condition is longer than anybody reads in a terminal. */
const longestParagraph = 2000;

/** Breaks at spaces, within a word only where it is longer than a line. What is in it comes from the cluster. */
function wrap(text: string, first = '', next = first): string[] {
  const lines = [first];
  let isEmpty = true;
  for (const word of printable(text, longestParagraph)
    .split(' ')
    .flatMap((each) => each.match(new RegExp(`.{1,${columns - next.length}}`, 'g')) ?? [])) {
    const line = lines[lines.length - 1];
    if (!isEmpty && line.length + 1 + word.length > columns) lines.push(`${next}${word}`);
    else lines[lines.length - 1] = isEmpty ? `${line}${word}` : `${line} ${word}`;
    isEmpty = false;
  }
  return lines;
}
