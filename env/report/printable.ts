/** Text from elsewhere as a terminal may be given it: whoever may write an object, a metric or a checkpoint chooses it. */

/** Messages of conditions may have 32,768 characters. */
const longestText = 400;

/**
 * On one line, without characters that steer a terminal (ESC) or turn the direction of what follows, and not too long.
 * HTML is still to be escaped.
 */
export function printable(text: string, longest = longestText): string {
  const cut = text.length > longest ? `${text.slice(0, longest - 1)}…` : text;
  return cut
    .replace(/[\s\u2028\u2029]+/gu, ' ')
    .replace(/[\p{Cc}\p{Cf}\p{Co}\p{Cs}]/gu, '\uFFFD')
    .trim();
}

/** Lines as they are, but without what steers a terminal or turns the direction of writing. */
export function withoutTerminalControls(text: string): string {
  return text.replace(/[^\n\t\P{Cc}]|[\u200E\u200F\u2028-\u202E\u2066-\u2069]/gu, '\uFFFD');
}
