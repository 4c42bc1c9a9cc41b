/** Names that a closed loop takes, each once. */

const longestName = 50;

/** @returns a function that makes such a name of anything, another one every time */
export function createMetricNames(): (wanted: string) => string {
  const taken = new Set<string>();
  return (wanted) => {
    const plain = wanted
      .slice(0, longestName)
      .replace(/[^a-zA-Z0-9_-]+/g, '-')
      .replace(/^[^a-zA-Z]+|[^a-zA-Z0-9]+$/g, '');
    const base = plain === '' ? 'metric' : plain;
    let name = base;
    for (let i = 2; taken.has(name); i++) name = `${base}-${i}`;
    taken.add(name);
    return name;
  };
}
