/** The HTML around a report: one document without anything fetched, and without scripts unless it is a live one. */
import { createHash } from 'node:crypto';
import { colorDeclarations, darkColors, lightColors } from './theme.ts';

export function escapeHtml(text: string): string {
  return text
    .replace(/&/g, '&amp;')
    .replace(/</g, '&lt;')
    .replace(/>/g, '&gt;')
    .replace(/"/g, '&quot;')
    .replace(/'/g, '&#39;');
}

const style = `
:root{color-scheme:light dark;${colorDeclarations(lightColors)}}
@media (prefers-color-scheme:dark){:root{${colorDeclarations(darkColors)}}}
*{box-sizing:border-box}
body{margin:0;background:var(--surface);color:var(--ink);font:15px/1.5 system-ui,-apple-system,'Segoe UI',Roboto,'DejaVu Sans',sans-serif}
main{max-width:1120px;margin:0 auto;padding:24px 20px 64px}
h1{font-size:26px;line-height:1.25;margin:0 0 4px}h2{font-size:20px;margin:44px 0 8px}h3{font-size:16px;margin:28px 0 6px}
p{margin:6px 0 10px;max-width:78ch}.note{color:var(--muted);font-size:14px}
.lead{font-size:19px;line-height:1.45;max-width:70ch;margin:14px 0 18px;padding:12px 16px;background:var(--raised);border-left:4px solid var(--accent)}
.scroll{overflow-x:auto;margin:8px 0 16px}
.scroll:focus-visible,summary:focus-visible{outline:2px solid var(--accent);outline-offset:2px}
figure{margin:8px 0 16px}figcaption{color:var(--muted);font-size:14px;max-width:90ch}
svg{display:block;width:100%;height:auto;min-width:680px}
table{border-collapse:collapse;font-size:14px;font-variant-numeric:tabular-nums}
caption{text-align:left;color:var(--muted);padding:4px 0 6px;min-width:300px}
th,td{padding:5px 10px;border-bottom:1px solid var(--rule);text-align:right;white-space:nowrap;vertical-align:baseline}
th{font-weight:600}thead th{color:var(--muted);border-bottom:2px solid var(--rule);vertical-align:bottom}
.text,tbody th{text-align:left}.wrap{white-space:normal;overflow-wrap:anywhere;min-width:160px}
tbody tr:hover{background:var(--raised)}.strong td,.strong th{background:var(--raised)}
.spread{color:var(--muted);font-size:13px}.swatch{display:inline-block;width:11px;height:11px;border-radius:3px;margin-right:8px}
.legend{list-style:none;padding:0;margin:0 0 12px;display:flex;flex-wrap:wrap;gap:4px 22px;font-size:14px}.line{display:inline-block;width:26px;vertical-align:middle;margin-right:8px}
details{border-top:1px solid var(--rule);padding:4px 0}details:last-of-type{border-bottom:1px solid var(--rule)}
summary{cursor:pointer;padding:8px 0}summary h3{display:inline;margin:0}summary .note{margin-left:10px}
code{font:13px/1.45 ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace;overflow-wrap:anywhere}
pre{background:var(--raised);padding:10px 12px;white-space:pre-wrap;overflow-wrap:anywhere;margin:6px 0}
dl{display:grid;grid-template-columns:max-content 1fr;gap:4px 18px;margin:8px 0}dt{color:var(--muted)}dd{margin:0;overflow-wrap:anywhere}
nav{font-size:14px;margin:10px 0}nav a{margin-right:14px}a{color:var(--accent)}
@media (max-width:600px){main{padding:16px 12px 48px}h1{font-size:21px}.lead{font-size:16px;padding:10px 12px}th,td{padding:5px 8px}dl{grid-template-columns:1fr;gap:0}dd{margin-bottom:6px}summary .note{display:block;margin-left:0}}
@media print{details:not([open])>*:not(summary){display:block}.scroll{overflow:visible}svg{min-width:0}}
`;

export interface Page {
  title: string;
  /** HTML of everything inside `<main>`. */
  body: string;
  /** CSS after the report's own. */
  style?: string;
  /** The one script that may run, inline; it may ask the page's own server and no other. */
  script?: string;
}

export function renderPage({ title, body, style: ownStyle = '', script }: Page): string {
  const policy = "default-src 'none'; style-src 'unsafe-inline'; img-src data:";
  const live = script === undefined ? '' : `; script-src 'sha256-${sha256(script)}'; connect-src 'self'`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="${policy}${live}">
<title>${escapeHtml(title)}</title>
<style>${style}${ownStyle}</style>
</head>
<body>
<main>
${body}
</main>${script === undefined ? '' : `\n<script>${script}</script>`}
</body>
</html>
`;
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('base64');
}

export interface Column {
  title: string;
  /** Left-aligned text instead of a right-aligned number. */
  text?: boolean;
}

export interface Table {
  caption: string;
  columns: readonly Column[];
  /** Cells are HTML; the first of a row is its heading. */
  rows: readonly (readonly string[])[];
  /** Rows to stand out. */
  strongRows?: ReadonlySet<number>;
}

/** A table with caption and headings, in a box that scrolls sideways on narrow screens. */
export function renderTable({ caption, columns, rows, strongRows }: Table): string {
  const alignment = (index: number) => (columns[index].text ? ' class="text"' : '');
  const head = columns.map((column, i) => `<th scope="col"${alignment(i)}>${escapeHtml(column.title)}</th>`).join('');
  const body = rows.map((cells, row) => {
    const inner = cells
      .map((cell, i) => (i === 0 ? `<th scope="row">${cell}</th>` : `<td${alignment(i)}>${cell}</td>`))
      .join('');
    return `<tr${strongRows?.has(row) ? ' class="strong"' : ''}>${inner}</tr>`;
  });
  return scrollBox(
    caption,
    `<table><caption>${escapeHtml(caption)}</caption><thead><tr>${head}</tr></thead><tbody>${body.join('\n')}</tbody></table>`,
  );
}

export function renderFigure(svg: string, caption: string, label: string): string {
  return `<figure>${scrollBox(label, svg)}<figcaption>${escapeHtml(caption)}</figcaption></figure>`;
}

/** Keyboard users can only scroll what can have the focus. */
export function scrollBox(label: string, inner: string): string {
  return `<div class="scroll" tabindex="0" role="region" aria-label="${escapeHtml(label)}">${inner}</div>`;
}

/** A definition list; values are HTML. */
export function renderFacts(facts: readonly (readonly [string, string])[]): string {
  return `<dl>${facts.map(([name, value]) => `<dt>${escapeHtml(name)}</dt><dd>${value}</dd>`).join('')}</dl>`;
}
