// EnvoyResource documents: whom each selects, and whether it affects a service's authorization. Only translate, which knows Envoy's schema,
// can judge their content.

import { defined } from '../../lib/defined.ts';
import type { EnvoyResource } from '../../model/documents/envoy-resource.ts';
import type { ParsedDocument } from '../../model/parsed-document.ts';
import type { SpiffeId } from '../../model/spiffe-id.ts';
import { workloadOf } from '../identities.ts';
import type { IdentitiesIr, ServiceKey } from '../ir.ts';
import type { RawChangeIr, RawIr } from '../raw-ir.ts';
import type { Names } from './names.ts';
import type { Problems } from './problems.ts';

export interface RawContext {
  readonly names: Names;
  readonly problems: Problems;
  readonly drafts: ReadonlyMap<ServiceKey, { readonly spiffeId: SpiffeId }>;
  /** Every identity that somebody may have. */
  readonly identities: IdentitiesIr;
}

/** In the order of their keys, so that the result does not depend on files. */
export function resolveRaws(raws: readonly ParsedDocument<EnvoyResource>[], context: RawContext): readonly RawIr[] {
  return raws
    .toSorted((a, b) => (a.key < b.key ? -1 : 1))
    .map((parsed): RawIr => {
      const { spec } = parsed.document;
      return {
        document: parsed.key,
        source: parsed.source,
        identities: selected(parsed, context),
        change: changeOf(spec),
        ...defined({ version: spec.version }),
      };
    });
}

function selected(
  parsed: ParsedDocument<EnvoyResource>,
  { names, problems, drafts, identities }: RawContext,
): ReadonlySet<SpiffeId> | 'all' {
  const { services = [], identities: ids = [], all } = parsed.document.spec.selector;
  const place = ['spec', 'selector'];
  if (all === undefined && services.length + ids.length === 0) {
    problems.error(parsed, place, {
      code: 'empty-selector',
      message: 'the selector selects no proxy',
      hint: 'give services, identities, or `all: true`',
    });
  }
  if (all !== undefined && services.length + ids.length > 0) {
    problems.error(parsed, place, {
      code: 'ambiguous-selector',
      message: '`all` and a list of services or identities',
      hint: 'keep one of them',
    });
  }
  if (all === true) return 'all';
  const found = new Set<SpiffeId>();
  services.forEach((reference, index) => {
    const { cell } = parsed.document.metadata;
    const key = names.service(reference, cell, parsed, [...place, 'services', index]);
    const id = key === undefined ? undefined : drafts.get(key)?.spiffeId;
    if (id !== undefined) found.add(id);
  });
  ids.forEach((id, index) => {
    if (workloadOf(identities, id) === undefined) {
      problems.warning(parsed, [...place, 'identities', index], {
        code: 'idle-selector',
        message: `no Service or Workload has the identity ${id}`,
        hint: 'write a Workload with it, or correct it',
      });
    }
    found.add(id);
  });
  return found;
}

function changeOf(spec: EnvoyResource['spec']): RawChangeIr {
  if ('resource' in spec) {
    const { '@type': typeUrl, ...body } = spec.resource;
    return { kind: 'resource', typeUrl: typeof typeUrl === 'string' ? typeUrl : '', body };
  }
  const { patch } = spec;
  return patch.operation === 'merge'
    ? { kind: 'merge', typeUrl: patch.typeUrl, name: patch.name, body: patch.value }
    : { kind: 'remove', typeUrl: patch.typeUrl, name: patch.name };
}

/** Whether the proxy with this identity is changed by it. */
export function isFor({ identities }: RawIr, id: SpiffeId): boolean {
  return identities === 'all' || identities.has(id);
}

/** Those that affect decisions about the callers of the service with this identity. */
export function rawPatchesOf(raws: readonly RawIr[], id: SpiffeId): Pick<RawIr, 'document' | 'source'>[] {
  return raws
    .filter((raw) => isFor(raw, id) && touchesSecurity(raw.change))
    .map(({ document, source }) => ({ document, source }));
}

/** Where a cluster has HTTP filters. */
const upstreamFilters = ['typedExtensionProtocolOptions', 'typed_extension_protocol_options', 'filters'];

/** If in doubt, it does: a listener, route or filter on the callers' side, or what certificates are verified against. */
function touchesSecurity(change: RawChangeIr): boolean {
  const type = change.typeUrl.slice(change.typeUrl.lastIndexOf('.') + 1);
  const outbound = change.kind !== 'resource' && change.name.startsWith('outbound:');
  switch (type) {
    case 'Listener':
      return change.kind === 'resource' ? !isOutbound(change.body) : !outbound;
    case 'RouteConfiguration':
      return change.kind !== 'resource' && !outbound;
    case 'Cluster':
      // Filters of the application's cluster can turn the request that was judged into another one.
      return change.kind === 'merge' && !outbound && upstreamFilters.some((name) => Object.hasOwn(change.body, name));
    case 'TypedExtensionConfig':
    case 'Secret':
      return change.kind !== 'resource';
    default:
      return false;
  }
}

function isOutbound(body: Readonly<Record<string, unknown>>): boolean {
  return (body['trafficDirection'] ?? body['traffic_direction']) === 'OUTBOUND';
}
