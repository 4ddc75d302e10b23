// The extension point "Envoy filter": one file that builds a filter from the IR, a line in catalog.ts, and one in lib/inbound-filters.ts
// that says what it leaves behind. Filters reach a proxy by ECDS: a change takes effect on the next request of an open connection and
// drains nobody.
import type { DescMessage } from '@bufbuild/protobuf';
import type { Any } from '@bufbuild/protobuf/wkt';
import type { InboundFilterName } from '../../lib/inbound-filters.ts';
import type { RuleIr } from '../../policy/authorization-ir.ts';
import type { MeshIr, PortIr } from '../../policy/ir.ts';
import type { Rule } from '../lint/rule.ts';
import type { TranslatedResource } from '../proxy.ts';

/** The places in a chain, in the order in which a request meets them; within one, the order of lib/inbound-filters.ts. */
export const slots = [
  /** Final, and first: who is refused whatever he asks for is not waited for. */
  'deny',
  /** Leaves what allow rules look at. */
  'read',
  /** Refuses whom nothing allows. */
  'allow',
  /** How much somebody may who may. Behind the rules, so that whom they refuse uses up nothing that is others'. */
  'limit',
] as const;
export type Slot = (typeof slots)[number];

/** The lists of rules that a service has. */
export const ruleLists = ['deny', 'allow', 'shadowDeny', 'shadowAllow'] as const;
export type RuleList = (typeof ruleLists)[number];

/** Rules that something is made of: what a proxy rejects names them. */
export interface LooksAt {
  /** Empty: it is made of no rule. */
  readonly lists: readonly RuleList[];
  /** Those of the lists that it takes. Default: all, and what policies without rules say. */
  readonly takes?: (rule: RuleIr) => boolean;
}

/** The chains that have filters: a caller's own, all other callers' with a certificate, and plaintext. */
export type FilteredChain = 'caller' | 'mtls' | 'plain';

export interface InboundFilter extends LooksAt {
  readonly name: InboundFilterName;
  readonly slot: Slot;
  /** `all`: no chain of any service is without it, which the linter sees to. */
  readonly appliesTo: 'all' | ((service: PortIr) => boolean);
  /** Those of such a service that have it. Default: all three. */
  readonly chains?: readonly FilteredChain[];
  /** What its configuration is, by what the service speaks: HTTP or TCP. It never applies to what is absent. */
  readonly messages: { readonly http?: DescMessage; readonly tcp?: DescMessage };
  /** Its configuration, of a service that it applies to. Pure; equal input makes equal bytes. */
  build(service: PortIr, mesh: MeshIr): Any;
  /** What its configuration refers to by name (clusters, secrets) and no other has. */
  resources?(service: PortIr, mesh: MeshIr): readonly TranslatedResource[];
  /** What nobody's configuration of it may say. Rules of RBAC hold anyway. */
  readonly lint?: readonly Rule[];
}
