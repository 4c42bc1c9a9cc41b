/**
 * When a DeliberativeLoop is due: a little before its closed loops tick, which they do at multiples of their interval, so
 * that what is proposed is in force at that tick and not at the next one. Those of one interval are spread over it in slots,
 * a tick apart, so that a thousand do not all ask at one moment, while all of a slot still make one batch. Pure.
 */

/** New ones are looked for this often. */
export const lookSeconds = 5;
/** The interval of a closed loop unless it is told another. */
const slotSeconds = 15;
/** A round takes a second or less, and the operator is told within some tenths. */
const longestLeadSeconds = 2;
const leadShare = 0.3;

/** Its moment within the interval, seconds: the same for every agent and after every restart. */
export function phaseSeconds(key: string, intervalSeconds: number): number {
  const slots = Math.max(1, Math.floor(intervalSeconds / slotSeconds));
  const leadSeconds = Math.min(longestLeadSeconds, leadShare * intervalSeconds);
  const tick = ((hash(key) % slots) + 1) * slotSeconds;
  return (slots === 1 ? intervalSeconds : tick) - leadSeconds;
}

/**
 * The next moment for one that was served at `servedSecond`: at least half an interval later, so that one that was late, or
 * served out of turn because it was new, is in step again from then on.
 */
export function nextDueSecond(key: string, intervalSeconds: number, servedSecond: number): number {
  const phase = phaseSeconds(key, intervalSeconds);
  const earliest = servedSecond + intervalSeconds / 2;
  return Math.ceil((earliest - phase) / intervalSeconds) * intervalSeconds + phase;
}

/** FNV-1a. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) value = Math.imul(value ^ text.charCodeAt(i), 0x01000193);
  return value >>> 0;
}
