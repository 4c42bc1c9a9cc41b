/** A calibration in the terminal, within 100 columns. */
import Table from 'cli-table3';
import type { Calibration } from '../calibrate.ts';
import { curveRows, factRows, serviceRows } from './calibration-rows.ts';

const columns = 100;

export function renderCalibrationText(calibration: Calibration): string {
  const { app, fit, warnings } = calibration;
  const { head, rows } = fit.kind === 'measured' ? curveRows(fit) : serviceRows(fit);
  const parts = [
    `app model ${app.name}: ${fit.kind === 'measured' ? 'measured curves of one service' : `${app.services.length} services as queues`}`,
    ...factRows(calibration).map(([name, text]) => hanging(`  ${name.padEnd(12)}`, text)),
    '',
    drawTable(head, rows),
  ];
  if (warnings.length > 0) parts.push('', 'Assumed, thin or left out:', ...warnings.map((one) => hanging('  - ', one)));
  return parts.join('\n');
}

/** Prose after a lead-in, its further lines set off as far. */
function hanging(lead: string, text: string): string {
  const indent = ' '.repeat(lead.length);
  const lines: string[] = [];
  let line = lead;
  for (const word of text.split(' ')) {
    if (line.length > lead.length && line.length + 1 + word.length > columns) {
      lines.push(line);
      line = indent;
    }
    line += line.length > lead.length ? ` ${word}` : word;
  }
  return [...lines, line].join('\n');
}

function drawTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const none = Object.fromEntries(
    ['top', 'top-mid', 'top-left', 'top-right', 'bottom', 'bottom-mid', 'bottom-left', 'bottom-right']
      .concat(['left', 'left-mid', 'mid', 'mid-mid', 'right', 'right-mid'])
      .map((part) => [part, '']),
  );
  const table = new Table({
    head: [...head],
    colAligns: head.map((_, i) => (i === 0 ? 'left' : 'right')),
    style: { head: [], border: [], compact: true, 'padding-left': 0, 'padding-right': 0 },
    chars: { ...none, middle: '  ' },
  });
  table.push(...rows.map((row) => [...row]));
  return table
    .toString()
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n');
}
