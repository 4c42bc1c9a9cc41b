/** Markdown of the reference: wrapped as the other documents are, so that a change of a word is a change of a line. */

/** Columns of a line of prose; a word that is longer stands alone. */
const lineWidth = 116;

export const generatedNote = (sources: string) =>
  `<!-- Generated from ${sources} by \`npm run generate\`: change those. -->`;

/** Prose broken at blanks, its further lines behind `indent`; code spans stay whole. */
export function wrap(text: string, { lead = '', indent = '' } = {}): string {
  const lines: string[] = [];
  let line = lead;
  let isEmpty = true;
  for (const word of text.match(/(?:`[^`]*`|\S)+/g) ?? []) {
    if (!isEmpty && line.length + 1 + word.length > lineWidth) {
      lines.push(line);
      line = indent;
      isEmpty = true;
    }
    line += isEmpty ? word : ` ${word}`;
    isEmpty = false;
  }
  return [...lines, line].join('\n');
}

export const listItem = (text: string) => wrap(text, { lead: '- ', indent: '  ' });

/** `code`, also of text that has backticks. */
export function code(text: string): string {
  return text.includes('`') ? `\`\` ${text} \`\`` : `\`${text}\``;
}

/** The anchor that code-hosting sites give a heading. */
export function anchorOf(heading: string): string {
  return heading
    .toLowerCase()
    .replace(/[^\p{Letter}\p{Number} _-]/gu, '')
    .replaceAll(' ', '-');
}

export const link = (text: string, heading: string) => `[${text}](#${anchorOf(heading)})`;

/** A fenced block. */
export const fenced = (text: string, language: string) => `\`\`\`${language}\n${text.trimEnd()}\n\`\`\``;

/** Prose of the sources: what would be taken for a tag or for emphasis is neither. Code spans stay code. */
export function plain(text: string): string {
  return text
    .split(/(`[^`]*`)/)
    .map((part, i) => (i % 2 === 1 ? part : part.replace(/<(?=[A-Za-z/!])|\*(?=\S)/g, (character) => `\\${character}`)))
    .join('');
}

/** Ends in a full stop, so that sentences can follow each other. */
export const sentence = (text: string) => (/[.!?:]\)?$/.test(text) ? text : `${text}.`);
