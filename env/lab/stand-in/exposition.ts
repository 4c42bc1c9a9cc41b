/** Prometheus' text format (0.0.4), for thousands of series whose values are computed and not observed one by one. */

export interface MetricFamily {
  /** Without the suffixes of a histogram. */
  readonly name: string;
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly help: string;
}

/** Collects samples in the order in which they are to be written; a family's samples must follow each other. */
export class Exposition {
  static readonly contentType = 'text/plain; version=0.0.4; charset=utf-8';
  readonly #lines: string[] = [];

  family({ name, type, help }: MetricFamily): void {
    this.#lines.push(`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`);
  }

  /** @param labels as `formatLabels` gives them: series are many, and their labels stay */
  sample(name: string, labels: string, value: number): void {
    this.#lines.push(`${name}{${labels}} ${formatNumber(value)}`);
  }

  /** A cumulative histogram from counts per bucket, the last of which is +Inf. */
  histogram(name: string, labels: string, bounds: readonly number[], counts: Float64Array, sum: number): void {
    let cumulative = 0;
    for (const [bucket, count] of counts.entries()) {
      cumulative += count;
      const le = bucket < bounds.length ? String(bounds[bucket]) : '+Inf';
      this.#lines.push(`${name}_bucket{${labels},le="${le}"} ${formatNumber(cumulative)}`);
    }
    this.#lines.push(`${name}_sum{${labels}} ${formatNumber(sum)}`);
    this.#lines.push(`${name}_count{${labels}} ${formatNumber(cumulative)}`);
  }

  toString(): string {
    return `${this.#lines.join('\n')}\n`;
  }
}

/** `a="x",b="y"`, with the escapes that the format asks for. */
export function formatLabels(labels: Readonly<Record<string, string>>): string {
  return Object.entries(labels)
    .map(
      ([name, value]) =>
        `${name}="${value.replace(/[\\"\n]/g, (character) => (character === '\n' ? '\\n' : `\\${character}`))}"`,
    )
    .join(',');
}

/** To a millionth: enough for a scrape's increments, and half as long as all digits. */
function formatNumber(value: number): string {
  return String(Math.round(value * 1e6) / 1e6);
}
