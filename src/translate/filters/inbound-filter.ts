// The extension point "Envoy filter": one file that builds a filter from the IR, a line in catalog.ts, and one in lib/inbound-filters.ts
// that says how it shows in Envoy's output. Filters reach a proxy by ECDS: a change takes effect on the next request of an open connection
// and drains no connection.
import type { DescMessage } from '@bufbuild/protobuf';
import type { Any } from '@bufbuild/protobuf/wkt';
import type { InboundFilterName } from '../../lib/inbound-filters.ts';
import type { RuleIr } from '../../policy/authorization-ir.ts';
import type { MeshIr, PortIr } from '../../policy/ir.ts';
import type { Rule } from '../lint/rule.ts';
import type { Bundles, TranslatedResource } from '../proxy.ts';

/** The slots in a chain, in the order in which a request passes them; within one, the order of lib/inbound-filters.ts. */
export const slots = [
  /** Final, and first: whoever is denied regardless of the request is not kept waiting. */
  'deny',
  /** Provides what allow rules look at. */
  'read',
  /** Denies what nothing allows. */
  'allow',
  /** Adds what the application expects of those who are allowed. */
  'add',
  /** Limits those who are allowed. After the rules, so that denied callers use up nothing that belongs to others. */
  'limit',
] as const;
/** Its place in the chain. */
export type Slot = (typeof slots)[number];

/** The lists of rules that a service has. */
export const ruleLists = ['deny', 'allow', 'shadowDeny', 'shadowAllow'] as const;
/** One of the lists of rules in an `AuthorizationIr`. */
export type RuleList = (typeof ruleLists)[number];

/** Rules that something is made from: a rejection by a proxy names them. */
export interface LooksAt {
  /** Empty: it is made from no rule. */
  readonly lists: readonly RuleList[];
  /** Those of the lists that it uses. Default: all, including what policies without rules mean. */
  readonly takes?: (rule: RuleIr) => boolean;
}

/** The chains with filters: a caller's own, that of all other callers with a certificate, and plaintext. */
export type FilteredChain = 'caller' | 'mtls' | 'plain';

export interface InboundFilter extends LooksAt {
  readonly name: InboundFilterName;
  readonly slot: Slot;
  /** `all`: no chain of any service is without it, which the linter enforces. */
  readonly appliesTo: 'all' | ((service: PortIr) => boolean);
  /** Which chains of such a service have it. Default: all three. */
  readonly chains?: (service: PortIr) => readonly FilteredChain[];
  /** The message that configures it, by the service's protocol: HTTP or TCP. If absent, it never applies there. */
  readonly messages: { readonly http?: DescMessage; readonly tcp?: DescMessage };
  /** Its configuration for a service that it applies to. Pure; equal input gives equal bytes. */
  build(service: PortIr, mesh: MeshIr, bundles: Bundles): Any;
  /**
   * Stands in the listener with its configuration, not by ECDS: it refers to secrets, which Envoy fetches only with a listener. In an
   * extension config that comes later they are never fetched, and Envoy 1.40 crashes. A change drains the chains that have it.
   */
  readonly inline?: true;
  /** Resources that its configuration refers to by name (clusters, secrets) and nothing else provides. */
  resources?(service: PortIr, mesh: MeshIr, bundles: Bundles): readonly TranslatedResource[];
  /** What its configuration must never contain. Called for every message of a proxy. The rules for RBAC apply anyway. */
  readonly lint?: readonly Rule[];
}
