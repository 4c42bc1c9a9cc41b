/** Text for columns of a terminal. */

/**
 * Lines of at most `width` characters, joined by line ends: breaks at spaces, and within a word only where it is longer than
 * a line (a table would cut it off).
 */
export function wrapText(text: string, width: number): string {
  const lines = [''];
  for (const word of text.split(' ')) {
    const line = lines[lines.length - 1];
    if (line !== '' && line.length + 1 + word.length <= width) lines[lines.length - 1] = `${line} ${word}`;
    else {
      const pieces = word.match(new RegExp(`.{1,${width}}`, 'g')) ?? [];
      if (line === '') lines.pop();
      lines.push(...pieces);
    }
  }
  return lines.join('\n');
}
