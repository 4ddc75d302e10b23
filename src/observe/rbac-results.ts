// What the authorization filters put into an entry's metadata. Each filter writes under its own prefix, its shadow rules' result next to
// the enforced one's (`authz_deny_shadow_engine_result`). Verified with Envoy 1.40.
import type { JsonObject } from '@bufbuild/protobuf';
import { clip } from '../lib/clip.ts';
import { filterTraces, type InboundFilterName, inboundFilterNames, lookedUpPolicy } from '../lib/inbound-filters.ts';
import { lookUpPrefix, rbacMetadata } from '../policy/own-policies.ts';
import type { ShadowVerdict } from './traffic-count.ts';

/** `policy`: the one that matched; absent if none did. */
export interface FilterResult {
  readonly allowed: boolean;
  readonly policy?: string;
}

export interface Results {
  readonly enforced: ReadonlyMap<InboundFilterName, FilterResult>;
  readonly shadow: ReadonlyMap<InboundFilterName, FilterResult>;
}

const namespaces = [rbacMetadata, 'envoy.filters.network.rbac'] as const;

/** Longer than any rule's name. */
const maxName = 1024;

/** Filters that left nothing are absent. */
export function readResults(metadata: { readonly [namespace: string]: JsonObject }): Results {
  const all = namespaces.map((namespace) => metadata[namespace] ?? {});
  const read = (kind: keyof Results): Results['enforced'] =>
    new Map(
      authorizing.flatMap((name) => {
        const prefix = `${filterTraces[name].statPrefix}${kind}_`;
        const result = all.map((fields) => resultOf(fields, prefix)).findLast((one) => one !== undefined);
        return result === undefined ? [] : [[name, result]];
      }),
    );
  return { enforced: read('enforced'), shadow: read('shadow') };
}

const authorizing = inboundFilterNames.filter((name) => filterTraces[name].kind === 'authorizes');

function resultOf(fields: JsonObject, prefix: string): FilterResult | undefined {
  const value = fields[`${prefix}engine_result`];
  if (value === undefined) return undefined;
  const named = fields[`${prefix}effective_policy_id`];
  // Of many rules, the one that was found.
  const policy = named === lookedUpPolicy ? fields[`${lookUpPrefix}shadow_effective_policy_id`] : named;
  return {
    allowed: value === 'allowed',
    ...(typeof policy === 'string' && policy !== '' ? { policy: clip(policy, maxName) } : {}),
  };
}

/**
 * What the shadow policies say, if it differs from the decision. A denied call does not reach the filters after the one that denied it:
 * they say nothing then.
 */
export function shadowOf({ enforced, shadow }: Results, denied: boolean): ShadowVerdict | undefined {
  const byDeny = shadow.get('authz-deny');
  const byAllow = shadow.get('authz-allow');
  if (!denied) {
    const denier = [byDeny, byAllow].find((result) => result?.allowed === false);
    if (denier === undefined) return undefined;
    return { decision: 'denied', ...(denier.policy === undefined ? {} : { policy: denier.policy }) };
  }
  if (enforced.get('authz-allow')?.allowed !== false || byDeny?.allowed === false || byAllow?.allowed !== true) {
    return undefined;
  }
  return { decision: 'allowed', ...(byAllow.policy === undefined ? {} : { policy: byAllow.policy }) };
}
