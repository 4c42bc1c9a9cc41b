/**
 * One deliberation for all that decide by one policy, so that they are decided in one pass. It keeps a history per closed
 * loop, so two users that decide for the same closed loop (one acts, one watches) get one each.
 */
import type { LiveDeliberation } from '../../policies/deliberation/deliberation.ts';
import type { LoadedPolicy } from './policy-loader.ts';

export interface DeliberationPool {
  /** A deliberation of the policy to look at; deciding is for those who have it assigned. @throws UserError */
  peek(policy: LoadedPolicy): LiveDeliberation;
  /**
   * The deliberation by which `user` decides for exactly these closed loops from now on; its earlier one, and the history of
   * loops that are left out, are let go of.
   * @throws UserError when the policy cannot be run; the earlier assignment then stays
   */
  assign(user: string, policy: LoadedPolicy, loopKeys: readonly string[]): LiveDeliberation;
  release(user: string): void;
  readonly size: number;
}

/** A deliberation, and for whom it keeps the history of each closed loop. */
interface Instance {
  readonly deliberation: LiveDeliberation;
  readonly userOf: Map<string, string>;
}

interface Assignment {
  readonly policyKey: string;
  readonly instance: Instance;
  readonly loopKeys: readonly string[];
}

export function createDeliberationPool(create: (policy: LoadedPolicy) => LiveDeliberation): DeliberationPool {
  const instances = new Map<string, Instance[]>();
  const assignments = new Map<string, Assignment>();
  /** Looked at, but not in use yet. */
  const spare = new WeakMap<LoadedPolicy, LiveDeliberation>();

  const hasRoom = ({ userOf }: Instance, user: string, loopKeys: readonly string[]) =>
    loopKeys.every((key) => (userOf.get(key) ?? user) === user);

  function forget({ instance, loopKeys }: Assignment, staying: ReadonlySet<string>): void {
    for (const key of loopKeys) {
      if (staying.has(key)) continue;
      instance.userOf.delete(key);
      instance.deliberation.forget(key);
    }
  }

  function release(user: string): void {
    const current = assignments.get(user);
    if (current === undefined) return;
    forget(current, new Set());
    assignments.delete(user);
    const { policyKey, instance } = current;
    if ([...assignments.values()].some((other) => other.instance === instance)) return;
    const left = (instances.get(policyKey) ?? []).filter((other) => other !== instance);
    if (left.length === 0) instances.delete(policyKey);
    else instances.set(policyKey, left);
  }

  function find(user: string, policy: LoadedPolicy, loopKeys: readonly string[]): Instance {
    const current = assignments.get(user);
    if (current?.policyKey === policy.key && hasRoom(current.instance, user, loopKeys)) return current.instance;
    const all = instances.get(policy.key) ?? [];
    const found = all.find((instance) => hasRoom(instance, user, loopKeys));
    if (found !== undefined) return found;
    const made = { deliberation: spare.get(policy) ?? create(policy), userOf: new Map<string, string>() };
    spare.delete(policy);
    instances.set(policy.key, [...all, made]);
    return made;
  }

  return {
    peek(policy) {
      const [first] = instances.get(policy.key) ?? [];
      const deliberation = first?.deliberation ?? spare.get(policy) ?? create(policy);
      if (first === undefined) spare.set(policy, deliberation);
      return deliberation;
    },
    assign(user, policy, loopKeys) {
      const instance = find(user, policy, loopKeys);
      const current = assignments.get(user);
      if (current?.instance === instance) forget(current, new Set(loopKeys));
      else release(user);
      assignments.set(user, { policyKey: policy.key, instance, loopKeys });
      for (const key of loopKeys) instance.userOf.set(key, user);
      return instance.deliberation;
    },
    release,
    get size() {
      return [...instances.values()].reduce((sum, list) => sum + list.length, 0);
    },
  };
}
