// Jobs that a runner vouched for. They may have certificates only as long as the runner may: one that was thrown out takes its jobs with
// it. And only by a key that the runner alone has: a job, or whoever it gave its SVID to, cannot have it renewed.
import type { Evidence } from '../model/evidence.ts';
import { parseSpiffeId } from '../model/spiffe-id.ts';
import type { Standing } from './attestor/attestor.ts';
import type { NodeRegistry } from './attestor/node-registry.ts';
import type { EntitledOptions } from './entitled.ts';

type Policy = EntitledOptions['policy'];

export interface VouchedDeps {
  readonly policy: Policy;
  readonly nodes: Pick<NodeRegistry, 'find'>;
  /** Throws for a runner that is banned or evicted. */
  readonly check: (runner: Standing) => void;
}

/** Whether a runner vouched for who proved this. */
export function isVouched(evidence: Evidence | undefined): boolean {
  return evidence?.attestor === 'gitlab-runner';
}

/** The same policy; it throws for a job whose runner `check` throws for. */
export function createVouched({ policy, nodes, check }: VouchedDeps): Policy {
  return async (spiffeId, nodeKey) => {
    const found = await policy(spiffeId, nodeKey);
    // What a job proved ends.
    if (found?.notAfter === undefined || nodeKey === undefined) return found;
    const evidence = (await nodes.find(nodeKey))?.evidence;
    if (evidence === undefined || !isVouched(evidence)) return found;
    const { runner = '', runner_host = '' } = evidence.values;
    const by = parseSpiffeId(runner);
    if (by === undefined) return undefined;
    check({ spiffeId: by, nodeKey: runner_host });
    return found;
  };
}
