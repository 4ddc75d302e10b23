// What a proxy rejected, with the documents that made it.
import { type DocumentsByKey, placeOf } from '../model/origin.ts';
import type { RejectedResource, TypeStatus } from '../registry/proxy-status.ts';
import { refusedNames } from '../xds/protocol/refused-names.ts';
import type { StreamEvent } from '../xds/server/observer.ts';
import type { MadeBy } from './provenance.ts';

/** What is kept about one rejection. */
const maxResources = 20;
const maxPlaces = 20;

/** The first few, each with a few places. */
export function rejectedResources(
  event: Extract<StreamEvent, { readonly kind: 'nacked' }>,
  madeBy: MadeBy,
): readonly RejectedResource[] {
  return [...refusedNames(event, event.message)]
    .slice(0, maxResources)
    .map((name) => ({ name, madeBy: madeBy(event.typeUrl, name).slice(0, maxPlaces) }));
}

/** A rejection outlives edits that move documents: each is shown at its current place. */
export function whereNow(type: TypeStatus, documents: DocumentsByKey | undefined): TypeStatus {
  if (type.nack === undefined || documents === undefined) return type;
  const resources = type.nack.resources.map(({ name, madeBy }) => ({
    name,
    madeBy: madeBy.map((place) => placeOf(place, documents) ?? place),
  }));
  return { ...type, nack: { ...type.nack, resources } };
}
