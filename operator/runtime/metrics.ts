/** Metrics of the runtime's own parts. A registry takes a name once, and there are many caches and queues. */
import type { Registry } from 'prom-client';

/** Makes the metrics at the first call for a registry and gives the same ones from then on. */
export function perRegistry<Metrics>(create: (registry: Registry) => Metrics): (registry: Registry) => Metrics {
  const made = new WeakMap<Registry, Metrics>();
  return (registry) => {
    let metrics = made.get(registry);
    if (metrics === undefined) {
      metrics = create(registry);
      made.set(registry, metrics);
    }
    return metrics;
  };
}
