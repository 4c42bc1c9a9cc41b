/** Numbers as the reports print them: the same digits in the terminal, in tables and in charts. */

/** `—` for what is missing; grouping only from five digits on. */
export function formatDecimal(value: number | null | undefined, digits = 2): string {
  if (value === null || value === undefined || Number.isNaN(value)) return '—';
  if (!Number.isFinite(value)) return value > 0 ? '∞' : '−∞';
  const rounded = Math.abs(value) < 0.5 * 10 ** -digits ? 0 : value;
  return rounded
    .toLocaleString('en-US', {
      minimumFractionDigits: digits,
      maximumFractionDigits: digits,
      useGrouping: Math.abs(rounded) >= 10_000,
    })
    .replace('-', '−');
}

/** Two decimals, so that 0.96 % and 1.00 % differ. */
export function formatPercent(value: number | null | undefined, digits = 2): string {
  const text = formatDecimal(value, digits);
  return text === '—' ? text : `${text} %`;
}

/** About three significant digits: latencies go from 3.41 ms to 12,400 ms. */
export function formatThreeDigits(value: number | null | undefined): string {
  if (value === null || value === undefined || !Number.isFinite(value) || value === 0) return formatDecimal(value, 0);
  const digits = Math.max(0, Math.min(6, 2 - Math.floor(Math.log10(Math.abs(value)))));
  return formatDecimal(value, digits);
}

/** Three significant digits without trailing zeros, for axes and settings: 5, 0.75, 1,200. */
export function formatShort(value: number): string {
  if (!Number.isFinite(value)) return formatDecimal(value, 0);
  return Number(value.toPrecision(3)).toLocaleString('en-US', { maximumFractionDigits: 6 }).replace('-', '−');
}

/** A step of 1, 2, 2.5 or 5 times a power of ten that divides `range` into at most `parts`. */
export function niceStep(range: number, parts: number): number {
  const magnitude = 10 ** Math.floor(Math.log10(range / parts));
  const factor = [1, 2, 2.5, 5, 10].find((one) => (one * magnitude * parts) / range >= 0.9999) ?? 10;
  return factor * magnitude;
}

/** With an explicit sign, as for differences. */
export function formatSigned(value: number | null | undefined, digits = 2): string {
  const text = formatDecimal(value, digits);
  return value !== null && value !== undefined && value > 0 && /[1-9∞]/.test(text) ? `+${text}` : text;
}

/** 75 → `1 min 15 s`, 60 → `1 min`; hours from 3,600 s on, then without seconds. */
export function formatDuration(seconds: number): string {
  if (!Number.isFinite(seconds) || seconds < 0) return '—';
  const whole = Math.round(seconds);
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor((whole % 3600) / 60), whole % 60];
  if (hours > 0) return minutes > 0 ? `${hours} h ${minutes} min` : `${hours} h`;
  if (minutes > 0) return rest > 0 ? `${minutes} min ${rest} s` : `${minutes} min`;
  return `${rest} s`;
}

/** 1,234,567 → `1.23 M`. */
export function formatCount(value: number): string {
  if (!Number.isFinite(value)) return '—';
  if (Math.abs(value) >= 1e9) return `${formatShort(value / 1e9)} G`;
  if (Math.abs(value) >= 1e6) return `${formatShort(value / 1e6)} M`;
  if (Math.abs(value) >= 1e4) return `${formatShort(value / 1e3)} k`;
  return formatDecimal(value, Number.isInteger(value) ? 0 : 1);
}

/** The next of 1, 1.5, 2, 3, 4, 5, 6, 8 times a power of ten. */
export function niceCeiling(value: number): number {
  const magnitude = 10 ** Math.floor(Math.log10(value));
  const step = [1, 1.5, 2, 3, 4, 5, 6, 8, 10].find((one) => one * magnitude >= value * 0.9999) ?? 10;
  return step * magnitude;
}
