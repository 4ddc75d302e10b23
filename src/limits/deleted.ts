// What a change takes away: documents, and endpoints that services name themselves. Pure; costs what has changed.
import { differing } from '../lib/differing.ts';
import type { ParsedDocument } from '../model/parsed-document.ts';
import type { MeshIr, ServiceIr } from '../policy/ir.ts';
import type { Judged } from '../store/store.ts';

/** In the order of their keys. */
export function deletedDocuments(before: Judged, after: Judged): readonly ParsedDocument[] {
  const differ = differing(before.documents, after.documents);
  const there = new Set(differ.after.map(({ key }) => key));
  return differ.before.filter(({ key }) => !there.has(key));
}

/** Addresses, each once for every port that it was an endpoint of. */
export function deletedEndpoints(before: MeshIr | undefined, after: MeshIr | undefined): number {
  if (before === undefined || before.services === after?.services) return 0;
  let gone = 0;
  for (const [key, service] of before.services) {
    const now = after?.services.get(key);
    if (now === service) continue;
    const there = endpointsOf(now);
    for (const endpoint of endpointsOf(service)) if (!there.has(endpoint)) gone += 1;
  }
  return gone;
}

function endpointsOf(service: ServiceIr | undefined): ReadonlySet<string> {
  const found = new Set<string>();
  for (const { id, endpoints: from } of service?.ports ?? []) {
    if (from.kind !== 'static') continue;
    for (const { address, port } of from.endpoints) found.add(`${id} ${address} ${port}`);
  }
  return found;
}
