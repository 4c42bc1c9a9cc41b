/** Numbers as the report prints them. */

/** Three significant digits, grouped, a minus sign that is one; `–` for what is not known. */
export function shortNumber(value: number): string {
  if (!Number.isFinite(value)) return '–';
  return Number(value.toPrecision(3)).toLocaleString('en-US', { maximumFractionDigits: 6 }).replace('-', '−');
}

export function percentText(value: number): string {
  return Number.isFinite(value) ? `${value.toFixed(1)} %` : '–';
}

/** 90 → `1 min 30 s`. */
export function durationText(seconds: number): string {
  const whole = Math.round(seconds);
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor((whole % 3600) / 60), whole % 60];
  if (hours > 0) return minutes > 0 ? `${hours} h ${minutes} min` : `${hours} h`;
  if (minutes > 0) return rest > 0 ? `${minutes} min ${rest} s` : `${minutes} min`;
  return `${rest} s`;
}

/** Such as `4.97 (4.95 to 4.99)`. */
export function estimateText({ value, low, high }: { value: number; low: number; high: number }): string {
  return `${shortNumber(value)} (${shortNumber(low)} to ${shortNumber(high)})`;
}
