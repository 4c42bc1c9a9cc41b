/** `duoloop doctor`: fails when something required is missing. */
import Table from 'cli-table3';
import { z } from 'zod';
import { prometheusFields, prometheusOption } from '../env/cluster/command-options.ts';
import { defineCommand } from '../env/command.ts';
import { examine, type Finding } from './doctor.ts';
import { wrapText } from './wrap-text.ts';

export const command = defineCommand({
  examples: ['duoloop doctor', 'duoloop doctor --prometheus http://localhost:9090 --json'],
  options: [
    prometheusOption('asks whether it answers'),
    { flags: '--json', description: 'print the findings as JSON' },
  ],
  schema: z.object({ prometheus: prometheusFields.prometheus, json: z.boolean().default(false) }),
  async run({ prometheus, json }, context) {
    const findings = await examine({ prometheusUrl: prometheus });
    context.print(json ? JSON.stringify(findings, null, 2) : formatFindings(findings));
    return findings.some((finding) => finding.required && finding.status === 'missing') ? 1 : 0;
  },
});

/** Characters of text in each column; borders and padding make it 99. */
const columns = [21, 7, 31, 27] as const;

/** A table at most 100 columns wide. */
export function formatFindings(findings: readonly Finding[]): string {
  const table = new Table({
    head: ['check', '', 'found', 'what to do'],
    colWidths: columns.map((width) => width + 2),
    style: { head: [], border: [] },
  });
  for (const { check, status, required, detail, advice } of findings) {
    const cells = [check, status === 'ok' ? 'ok' : required ? 'MISSING' : 'missing', detail, advice ?? ''];
    table.push(cells.map((cell, i) => wrapText(cell, columns[i])));
  }
  return table.toString();
}
