// What the authorization filters left in an entry's metadata. Each filter writes under its own prefix (`authz_deny_`,
// `authz_allow_`), its shadow rules' result beside the enforced one's. Tried on Envoy 1.40.

import type { JsonObject } from '@bufbuild/protobuf';
import { clip } from '../lib/clip.ts';
import type { ShadowVerdict } from './traffic.ts';

export interface FilterResult {
  readonly allowed: boolean;
  readonly policy?: string;
}

/** By the filter's prefix. */
export interface Results {
  readonly enforced: ReadonlyMap<string, FilterResult>;
  readonly shadow: ReadonlyMap<string, FilterResult>;
}

const namespaces = ['envoy.filters.http.rbac', 'envoy.filters.network.rbac'] as const;

/** Longer than any rule's name. */
const maxName = 1024;

export function readResults(metadata: { readonly [namespace: string]: JsonObject }): Results {
  const results = { enforced: new Map<string, FilterResult>(), shadow: new Map<string, FilterResult>() };
  for (const namespace of namespaces) {
    const fields = metadata[namespace];
    if (fields === undefined) continue;
    for (const [name, value] of Object.entries(fields)) {
      // Not `authz_deny_real_shadow…`: there the enforced rules stand in for shadow ones (filters/extension.ts).
      const match = /^(authz_[a-z]+_)(enforced|shadow)_engine_result$/.exec(name);
      if (match?.[1] === undefined) continue;
      const kind = match[2] === 'shadow' ? 'shadow' : 'enforced';
      const policy = fields[`${match[1]}${kind}_effective_policy_id`];
      results[kind].set(match[1], {
        allowed: value === 'allowed',
        ...(typeof policy === 'string' && policy !== '' ? { policy: clip(policy, maxName) } : {}),
      });
    }
  }
  return results;
}

/**
 * What the shadow policies say, where it is not what was decided. A refused call was not asked of the filters behind the one
 * that refused it: they say nothing then.
 */
export function shadowOf({ enforced, shadow }: Results, refused: boolean): ShadowVerdict | undefined {
  const denied = shadow.get('authz_deny_');
  const allowed = shadow.get('authz_allow_');
  if (!refused) {
    const refuser = [denied, allowed].find((result) => result?.allowed === false);
    if (refuser === undefined) return undefined;
    return { decision: 'refused', ...(refuser.policy === undefined ? {} : { policy: refuser.policy }) };
  }
  if (enforced.get('authz_allow_')?.allowed !== false || denied?.allowed === false || allowed?.allowed !== true) {
    return undefined;
  }
  return { decision: 'allowed', ...(allowed.policy === undefined ? {} : { policy: allowed.policy }) };
}
