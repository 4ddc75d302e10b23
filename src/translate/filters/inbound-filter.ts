// The extension point "Envoy filter": one file that builds a filter from the IR, and a line in catalog.ts that gives its
// place. Filters reach a proxy by ECDS: a change takes effect on the next request of an open connection and drains nobody.
import type { RBAC } from '#gen/envoy/config/rbac/v3/rbac_pb.js';
import type { MeshIr, ServiceIr } from '../../policy/ir.ts';
import type { RuleList } from '../origins.ts';

/** Rules of an authorization filter, before they are put into words for HTTP or TCP. */
export interface AuthorizationRules {
  readonly rules: RBAC;
  /** What would be decided were the shadow policies enforced; absent without any. */
  readonly shadowRules?: RBAC;
}

export interface InboundFilter {
  /** Last part of the ECDS name. */
  readonly name: string;
  /**
   * Begins the names of its results in the metadata of access logs (`authz_deny_enforced_effective_policy_id`); each filter
   * needs its own, as they share one namespace.
   */
  readonly statPrefix: string;
  /** The rules that it looks at. */
  readonly lists: readonly RuleList[];
  build(service: ServiceIr, mesh: MeshIr): AuthorizationRules;
}
