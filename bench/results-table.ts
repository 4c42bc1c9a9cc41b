/** Prints measurements as a table of at most 100 columns. */
import Table from 'cli-table3';
import type { Measurement } from './measurement.ts';

const nothing = '–';

/** Three significant digits, with k and M for thousands and millions. */
export function formatFigure(value: number | null | undefined): string {
  if (value === null || value === undefined) return nothing;
  const size = Math.abs(value);
  if (size >= 999.5e3) return `${(value / 1e6).toPrecision(3)} M`;
  if (size >= 999.5) return `${(value / 1e3).toPrecision(3)} k`;
  return `${Number(value.toPrecision(3))}`;
}

export function formatResults(measurements: readonly Measurement[]): string {
  const table = new Table({
    head: ['benchmark', 'median', 'spread', 'unit', '× baseline', 'must be'],
    colWidths: [32, 9, 17, 13, 13, 9],
    colAligns: ['left', 'right', 'right', 'left', 'left', 'right'],
    wordWrap: true,
    style: { head: [], border: [], compact: true },
  });
  for (const { name, unit, median, lowest, highest, baseline, ratio, required } of measurements) {
    table.push([
      name,
      formatFigure(median),
      lowest === null ? nothing : `${formatFigure(lowest)} … ${formatFigure(highest)}`,
      unit,
      ratio === undefined || baseline === undefined ? '' : `${formatFigure(ratio)} ${baseline.name}`,
      required === undefined ? '' : `${required.is === 'at least' ? '≥' : '≤'}${formatFigure(required.value)}`,
    ]);
  }
  const notes = measurements.filter(({ note }) => note !== undefined).map(({ name, note }) => `${name}: ${note}`);
  return [table.toString(), ...notes].join('\n');
}
