/** KEDA's ScaledObject as a closed loop. Pure. */
import { parseQuantity } from '../workloads/quantity.ts';
import { convertBehavior } from './behavior.ts';
import type { ClosedLoopSpecInput, Migration, Note } from './contract.ts';
import { closedLoopManifest } from './manifest.ts';
import { containerWanted, convertMetrics, type MetricContext, resourceWanted, type Wanted } from './metrics.ts';
import { behaviorSchema, type ScaledObject, type Trigger } from './schemas.ts';

/** KEDA's defaults. */
const defaults = { minReplicas: 0, maxReplicas: 100, cooldownSeconds: 300 } as const;

export function convertScaledObject({ metadata, spec }: ScaledObject, context: MetricContext): Migration {
  const { source } = context;
  const formula = spec.advanced?.scalingModifiers?.formula;
  if (formula) {
    const text = `advanced.scalingModifiers.formula "${formula}" has no counterpart: write it as one PromQL query in a ClosedLoop by hand`;
    return { source, manifest: undefined, notes: [{ text, isDifferent: true }] };
  }
  const converted = convertMetrics(spec.triggers.map(wantedOf), context);
  const minReplicas = spec.minReplicaCount ?? defaults.minReplicas;
  const maxReplicas = spec.maxReplicaCount ?? defaults.maxReplicas;
  const rules = spec.advanced?.horizontalPodAutoscalerConfig?.behavior ?? behaviorSchema.parse(undefined);
  const { behavior, notes: behaviorNotes } = convertBehavior(rules, { minReplicas, maxReplicas });
  const cooldownSeconds = Math.min(3600, spec.cooldownPeriod ?? defaults.cooldownSeconds);
  const scaleDown = behavior.scaleDown ?? {};
  const windowSeconds = Math.max(scaleDown.stabilizationWindowSeconds ?? 0, cooldownSeconds);
  const notes: Note[] = [...converted.notes, ...behaviorNotes, ...objectNotes(spec)];
  if (minReplicas === 0) {
    notes.push({
      text: `to 0 it goes as to any other size, once nothing was wanted for ${windowSeconds} s, the longer of cooldownPeriod and the stabilisation window; activation thresholds are not used`,
      isDifferent: true,
    });
  }
  const labels = metadata.labels;
  if (converted.metrics.length === 0) return { source, manifest: undefined, notes };
  const manifest = closedLoopManifest(
    { ...metadata, labels },
    {
      targetRef: spec.scaleTargetRef,
      metrics: [...converted.metrics],
      behavior:
        minReplicas === 0
          ? { ...behavior, scaleDown: { ...scaleDown, stabilizationWindowSeconds: windowSeconds } }
          : behavior,
      ...(spec.fallback && { onMissingMetrics: fallbackOf(spec.fallback) }),
    },
  );
  return { source, manifest, notes };
}

function fallbackOf({ failureThreshold, replicas }: NonNullable<ScaledObject['spec']['fallback']>) {
  return {
    action: 'Fallback',
    replicas,
    afterTicks: Math.min(1000, Math.max(1, failureThreshold)),
  } satisfies ClosedLoopSpecInput['onMissingMetrics'];
}

function objectNotes({ fallback, idleReplicaCount, pollingInterval, advanced }: ScaledObject['spec']): Note[] {
  const notes: Note[] = [];
  const tell = (text: string, isDifferent = true) => notes.push({ text, isDifferent });
  if (fallback) {
    const behavior = fallback.behavior ?? 'static';
    if (behavior !== 'currentReplicasIfHigher') {
      tell(`fallback.behavior ${behavior}: a closed loop goes up to fallback.replicas, and never down to it`);
    }
  }
  if (idleReplicaCount != null) {
    tell(`idleReplicaCount ${idleReplicaCount} has no counterpart: minReplicas is the smallest size, idle or not`);
  }
  if (pollingInterval != null) {
    tell(
      `pollingInterval ${pollingInterval} s was for activation; the closed loop asks every 15 s, as the HPA did`,
      false,
    );
  }
  if (advanced?.restoreToOriginalReplicaCount) {
    tell(
      'advanced.restoreToOriginalReplicaCount: set it to false before the ScaledObject is deleted, or KEDA scales',
      false,
    );
  }
  return notes;
}

function wantedOf(trigger: Trigger): Wanted {
  const { type, metadata } = trigger;
  const name = trigger.name ?? type;
  switch (type) {
    case 'cpu':
    case 'memory':
      return resourceTrigger(type, trigger);
    case 'prometheus':
      return prometheusTrigger(name, trigger);
    default: {
      const track = numberOf(metadata.threshold ?? metadata.value ?? metadata.targetValue ?? metadata.lagThreshold);
      const text = `a closed loop has no source of type ${type}; an exporter's metric in Prometheus can take its place`;
      return { name, source: undefined, track, takesQuery: true, notes: [{ text, isDifferent: true }] };
    }
  }
}

function resourceTrigger(resource: 'cpu' | 'memory', { metricType, metadata }: Trigger): Wanted {
  const isPercent = (metricType || metadata.type || 'Utilization') === 'Utilization';
  const value = isPercent ? numberOf(metadata.value) : quantityOf(metadata.value);
  if (metadata.containerName) return containerWanted(resource, metadata.containerName, value);
  return resourceWanted(resource, {
    utilization: isPercent ? value : undefined,
    average: isPercent ? undefined : value,
  });
}

function prometheusTrigger(name: string, { metricType, metadata, authenticationRef }: Trigger): Wanted {
  const notes: Omit<Note, 'metric'>[] = [];
  const { serverAddress, query, threshold, ignoreNullValues = 'true', namespace, customHeaders } = metadata;
  if (serverAddress) {
    notes.push({ text: `KEDA asked ${serverAddress}; the operator asks its own --prometheus`, isDifferent: false });
  }
  if (authenticationRef || customHeaders || namespace) {
    const text = 'authentication, headers and tenant are the operator’s: --prometheus-token-file';
    notes.push({ text, isDifferent: false });
  }
  if (ignoreNullValues !== 'false') {
    const text =
      'KEDA took an empty result for 0; here it is missing, and nothing scales down (… or vector(0) makes it 0)';
    notes.push({ text, isDifferent: true });
  }
  return {
    name,
    source: query ? { prometheus: { query } } : undefined,
    track: numberOf(threshold),
    isPerTarget: metricType === 'Value',
    notes,
  };
}

function numberOf(text: string | undefined): number | undefined {
  const number = Number(text);
  return text === undefined || text.trim() === '' || Number.isNaN(number) ? undefined : number;
}

function quantityOf(text: string | undefined): number | undefined {
  return text === undefined ? undefined : parseQuantity(text);
}
