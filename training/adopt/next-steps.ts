/** What to do after an application was adopted: commands that can be copied. Pure. */
import { resourceTypes } from '../../env/cluster/kubernetes-api.ts';
import type { Mode } from './objects.ts';
import type { Scaler } from './survey.ts';

export interface Adopted {
  readonly name: string;
  readonly namespace: string;
  readonly configMapName: string;
  readonly isGroup: boolean;
  readonly mode: Mode;
  readonly scalers: readonly Scaler[];
  /** As typed for this adoption: app, namespace and what else finds the same objects again. */
  readonly sameCommand: string;
  readonly replacedFile: string;
}

export function watchingSteps(adopted: Adopted): string[] {
  const { name, namespace, isGroup, mode, scalers, sameCommand } = adopted;
  const on = `kubectl -n ${namespace}`;
  const unpause = (kind: string) => `${on} patch ${kind} ${name} --type merge -p '{"spec":{"paused":false}}'`;
  const removal = scalers.map(
    ({ type, object }) => `${on} delete ${resourceTypes[type].plural} ${object.metadata.name}`,
  );
  return [
    ...(scalers.length === 0 ? ['Nothing scales this application now, since the two loops only watch.'] : []),
    'Watch it:',
    `  duoloop watch --namespace ${namespace}`,
    `  ${on} get deliberativeloop ${name} -o jsonpath='{.status.proposals}'`,
    'Let it act, within its guardrails:',
    `  ${sameCommand} --mode Bounded${scalers.length > 0 ? ' --replace-hpa' : ''}`,
    'or by hand, in this order:',
    ...[
      ...removal,
      ...(isGroup ? [unpause('scalinggroup')] : []),
      unpause('closedloop'),
      ...(mode === 'Bounded'
        ? []
        : [`${on} patch deliberativeloop ${name} --type merge -p '{"spec":{"mode":"Bounded"}}'`]),
    ].map((line) => `  ${line}`),
    ...takeOutSteps(adopted),
  ];
}

export function actingSteps(adopted: Adopted): string[] {
  const { name, namespace, sameCommand, scalers, replacedFile } = adopted;
  return [
    'Look:',
    `  duoloop explain closedloop/${name} --namespace ${namespace}`,
    `  duoloop watch --namespace ${namespace}`,
    'Back to watching (nothing of ours scales then):',
    `  ${sameCommand} --mode Observe`,
    ...(scalers.length > 0 ? [`  kubectl apply -f ${replacedFile}`] : []),
    ...takeOutSteps(adopted),
  ];
}

function takeOutSteps({ name, namespace, isGroup, configMapName }: Adopted): string[] {
  const kinds = ['deliberativeloop', 'closedloop', ...(isGroup ? ['scalinggroup'] : [])].join(',');
  return [
    'Take it out (workloads keep their size):',
    `  kubectl -n ${namespace} delete ${kinds} ${name} && kubectl -n ${namespace} delete configmap ${configMapName}`,
  ];
}
