// The catalog in order, and queries that other code needs.
import { filterTraces, type InboundFilterName, inboundFilterNames } from '../../lib/inbound-filters.ts';
import type { PortIr } from '../../policy/ir.ts';
import * as catalog from './catalog.ts';
import { type FilteredChain, type InboundFilter, slots } from './inbound-filter.ts';

const byName: Readonly<Record<InboundFilterName, InboundFilter>> = catalog;
const all = inboundFilterNames.map((name) => byName[name]);

/** In the order in which a request passes them. */
export const inboundFilters: readonly InboundFilter[] = all.toSorted(
  (a, b) => slots.indexOf(a.slot) - slots.indexOf(b.slot),
);

/** Those whose resources the service's proxies get. */
export function filtersOf(service: PortIr): readonly InboundFilter[] {
  return all.filter((filter) => applies(filter, service));
}

/** Those of one of its chains, in the order in which a request passes them. */
export function filtersInChain(service: PortIr, chain: FilteredChain): readonly InboundFilter[] {
  return inboundFilters.filter(
    (filter) => applies(filter, service) && (filter.chains === undefined || filter.chains(service).includes(chain)),
  );
}

function applies({ appliesTo, messages }: InboundFilter, service: PortIr): boolean {
  if (messages[kindOf(service)] === undefined) return false;
  return appliesTo === 'all' || appliesTo(service);
}

/** Which of a filter's messages configures it. */
export function kindOf({ protocol }: Pick<PortIr, 'protocol'>): 'http' | 'tcp' {
  return protocol === 'tcp' ? 'tcp' : 'http';
}

/** The filter for a resource, or for a place in a chain (names.ts, extensionName). */
export function filterNamed(resourceName: string): InboundFilter | undefined {
  const last = resourceName.includes('/') ? resourceName.slice(resourceName.lastIndexOf('/') + 1) : '';
  return all.find(({ name }) => last === name || last === `${name}-tcp`);
}

/** Whether it can refuse a request by itself, rather than read something for another filter. */
export function decides({ name }: InboundFilter): boolean {
  return filterTraces[name].kind !== 'reads';
}
