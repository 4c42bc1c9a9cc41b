/** Brings an application under the two loops: survey, rehearse, train, judge, apply, wait, and take over where asked to. */
import type { AppModel } from '../../env/apps/app-model.ts';
import { type KubernetesApi, KubernetesError, resourceTypes } from '../../env/cluster/kubernetes-api.ts';
import type { CommandContext } from '../../env/command.ts';
import { UserError } from '../../env/errors.ts';
import type { Trace } from '../../env/workload/trace.ts';
import type { Checkpoint } from '../../policies/actor-critic/checkpoint.ts';
import { appliesProposals } from '../../policies/deliberation/selection.ts';
import { agentLoopSpec } from '../../policies/reactive/default-specs.ts';
import { checkpointConfigMap } from '../export/config-map.ts';
import { trainOptionsSchema } from '../options.ts';
import { renderSummaryText } from '../report/text-table.ts';
import { applyObjects } from './apply.ts';
import { type Adopted, actingSteps, watchingSteps } from './next-steps.ts';
import { type AdoptedApp, type LoopsOfPolicy, loopObjects, type Mode, type ObjectToApply } from './objects.ts';
import { availablePolicy, type PolicyRequest, trainedPolicy } from './policy.ts';
import { describeScaler, type Survey, survey } from './survey.ts';
import { checkRemovable, takeOver } from './take-over.ts';
import { judgePolicy } from './verdict.ts';
import { type Waiting, waitForProposals } from './wait.ts';

export interface AdoptOptions extends Omit<AdoptedApp, 'kinds'> {
  readonly app: AppModel;
  readonly traces: readonly Trace[] | undefined;
  readonly policy: Pick<PolicyRequest, 'checkpoint' | 'steps' | 'seed' | 'runFolder'>;
  /** Undefined: as it is, else Observe. */
  readonly mode: Mode | undefined;
  readonly replaceHpa: boolean;
  readonly replacedFile: string;
  readonly force: boolean;
  /** 0: does not wait. */
  readonly patienceSeconds: number;
  readonly sameCommand: string;
}

export interface AdoptTools extends Pick<Waiting, 'now' | 'pause'> {
  readonly api: KubernetesApi;
  readonly context: CommandContext;
}

/** What is known before anything is written. */
interface Plan {
  readonly surveyed: Survey;
  readonly mode: Mode;
  /** The loops have to begin, or to go on, acting, which they do not now. */
  readonly takesOver: boolean;
  /** At first: who takes over watches before. */
  readonly firstMode: Mode;
  /** A policy that needs no training. */
  readonly available: Checkpoint | undefined;
  readonly objectsOf: (policy: LoopsOfPolicy, mode: Mode) => ObjectToApply[];
}

/** The exit code. @throws UserError; KubernetesError */
export async function adopt(options: AdoptOptions, tools: AdoptTools): Promise<number> {
  const { context, api } = tools;
  const plan = await makePlan(options, tools);
  const checkpoint = plan.available ?? (await trainedPolicy({ ...options.policy, app: options.app, context }));
  if (checkpoint === undefined) {
    context.log('stopped; nothing was changed in the cluster, and the same command goes on with the training');
    return 1;
  }
  await judge(checkpoint, plan, options, context);
  if (context.signal.aborted) return 1;

  const { namespace, configMapName, force } = options;
  const configMap = {
    type: resourceTypes.configMap,
    object: checkpointConfigMap(checkpoint, { namespace, name: configMapName }),
  };
  const watching = [configMap, ...plan.objectsOf(checkpoint.document, plan.firstMode)];
  const since = tools.now();
  await applyObjects(api, watching, { force, isRehearsal: true });
  const applied = await applyObjects(api, watching, { force, isRehearsal: false });
  for (const { what, change } of applied) context.log(`${what}: ${change}`);

  const waiting: Waiting = {
    ...tools,
    namespace,
    name: options.name,
    isGroup: options.app.services.length > 1,
    signal: context.signal,
    log: context.log,
  };
  const proposes = await firstProposal(waiting, since, plan, options, context);
  const summary: Adopted = {
    ...options,
    isGroup: waiting.isGroup,
    mode: plan.firstMode,
    scalers: plan.surveyed.scalers,
  };
  const print = (lines: readonly string[]) => {
    for (const line of lines) context.print(line);
  };
  if (!plan.takesOver) {
    print(appliesProposals(plan.mode) ? actingSteps(summary) : watchingSteps(summary));
    return proposes ? 0 : 1;
  }
  if (!proposes || context.signal.aborted) return 1;
  const { isActing, message } = await takeOver({
    waiting,
    scalers: plan.surveyed.scalers,
    replacedFile: options.replacedFile,
    acting: plan.objectsOf(checkpoint.document, plan.mode),
    watching,
    force,
  });
  print([
    `${namespace}/${options.name}, mode ${plan.mode}: ${isActing ? 'it acts' : 'it does not act yet'}. ${message}`,
  ]);
  print(actingSteps({ ...summary, mode: plan.mode }));
  return isActing ? 0 : 1;
}

/** Looks, refuses what cannot be, and rehearses: before minutes of training, and without a trace in the cluster. */
async function makePlan(options: AdoptOptions, { api, context }: AdoptTools): Promise<Plan> {
  const { app, name, namespace, configMapName, force } = options;
  const services = app.services.map((service) => service.name);
  const { signal } = context;
  const surveyed = await survey({ api, namespace, name, configMapName, services, signal }).catch(explainForbidden);
  const mode = options.mode ?? surveyed.present.deliberativeLoop?.spec.mode ?? 'Observe';
  const takesOver = appliesProposals(mode) && !isActing(surveyed);
  const firstMode = takesOver ? 'Observe' : mode;
  await checkScalers(options, surveyed, mode, api);
  const available = await availablePolicy({ ...options.policy, app, context }, surveyed.present);
  const adopted: AdoptedApp = { ...options, kinds: surveyed.kinds };
  const objectsOf = (policy: LoopsOfPolicy, of: Mode) => loopObjects(adopted, policy, of);
  // One that is trained has the same loop, but for its policy.
  const expected = available?.document ?? {
    loop: agentLoopSpec(app),
    intervalSeconds: trainOptionsSchema.parse({}).intervalSeconds,
  };
  const rehearsed = [emptyConfigMap(options), ...objectsOf(expected, firstMode)];
  await applyObjects(api, rehearsed, { force, isRehearsal: true }).catch(explainForbidden);
  return { surveyed, mode, takesOver, firstMode, available, objectsOf };
}

/** Says what the policy is worth. @throws UserError `adopt.not-better` where it is to act and is not better */
async function judge(
  checkpoint: Checkpoint,
  { available, takesOver, mode }: Plan,
  { app, traces, policy, force }: AdoptOptions,
  { print, log }: CommandContext,
): Promise<void> {
  // Of one that is in force already, and goes on as it does, that is known.
  const isKept = available !== undefined && policy.checkpoint === undefined && !takesOver;
  if (isKept && traces === undefined) return;
  const verdict = await judgePolicy({ app, checkpoint, traces, log });
  print(renderSummaryText(verdict.rows));
  print(verdict.text);
  if (!takesOver || verdict.isBetter || force) return;
  throw new UserError(
    'adopt.not-better',
    `--mode ${mode} is for policies that are better than the tuned HPA, and of this one it is not so: watch it in Observe, train longer (--steps), or add --force`,
  );
}

/** Whether there is one in time; says what it is, or what holds it up. */
async function firstProposal(
  waiting: Waiting,
  since: number,
  { takesOver, firstMode }: Plan,
  { namespace, name, patienceSeconds }: AdoptOptions,
  { print }: CommandContext,
): Promise<boolean> {
  if (patienceSeconds === 0 && !takesOver) return true;
  const standing = await waitForProposals(waiting, since, patienceSeconds);
  if ('waitsFor' in standing) {
    print(`Everything is in place, but there is no proposal yet; it waits for ${standing.waitsFor}`);
    return false;
  }
  const { setPoint, hpaWouldBe } = standing.proposal;
  const proposed = setPoint === undefined ? 'to keep the size' : `size ${setPoint}`;
  const beside = hpaWouldBe === undefined ? '' : `, an HPA at 70 % CPU would ask for ${hpaWouldBe}`;
  print(`${namespace}/${name}, mode ${firstMode}: it proposes ${proposed}${beside}.`);
  return true;
}

/** Whether the loops that are there scale already. */
function isActing({ present: { closedLoop, scalingGroup, deliberativeLoop } }: Survey): boolean {
  if (closedLoop === undefined || deliberativeLoop === undefined) return false;
  return !closedLoop.spec.paused && !scalingGroup?.spec.paused && appliesProposals(deliberativeLoop.spec.mode);
}

async function checkScalers(
  { namespace, replaceHpa }: AdoptOptions,
  { scalers }: Survey,
  mode: Mode,
  api: KubernetesApi,
): Promise<void> {
  if (scalers.length === 0 || !appliesProposals(mode)) return;
  if (!replaceHpa) {
    throw new UserError(
      'adopt.owned',
      `--mode ${mode}: ${scalers.map(describeScaler).join(', ')} in namespace ${namespace} would scale against it: add --replace-hpa to have it removed (and kept in a file) first, or take --mode Observe, which watches beside it`,
    );
  }
  await checkRemovable(api, namespace, scalers);
}

function emptyConfigMap({ configMapName: name, namespace }: AdoptOptions): ObjectToApply {
  return {
    type: resourceTypes.configMap,
    object: { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace } } as ObjectToApply['object'],
  };
}

function explainForbidden(error: unknown): never {
  // An admission policy's refusal is a 403, too, and says itself what to do.
  if (!(error instanceof KubernetesError) || error.status !== 403 || !/ cannot /.test(error.message)) throw error;
  throw new UserError(
    'adopt.forbidden',
    `${error.message}. Adopting needs get, list on deployments, statefulsets, horizontalpodautoscalers and scaledobjects, and get, create, patch on configmaps, closedloops, deliberativeloops and scalinggroups of the namespace`,
    { cause: error },
  );
}
