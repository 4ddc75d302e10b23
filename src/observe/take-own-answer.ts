// What a caller's own sidecar answered in the place of the service that was called, into what can be asked for by its id. Nothing
// else is made of it: it is no call of any service, and no gate knows it.
import type { HTTPAccessLogEntry } from '#gen/envoy/data/accesslog/v3/accesslog_pb.js';
import { methodOf } from './access-log.ts';
import { idsOf, pathOf } from './entry-ids.ts';
import type { Refusals } from './refusals.ts';

/** Whose proxy said it, by its certificate; and of which of its dependencies, by the key of the port. */
export interface OwnAnswerPlace {
  readonly service: string;
  readonly node: string;
  readonly target: string;
}

export function takeOwnAnswer(entry: HTTPAccessLogEntry, place: OwnAnswerPlace, refusals: Refusals): void {
  const { commonProperties, request, response } = entry;
  // The answer had begun: its headers, an id among them, are not the proxy's.
  if (commonProperties?.timeToFirstUpstreamRxByte !== undefined) return;
  const ids = idsOf(entry);
  // It could tell its caller nothing.
  if (ids.requestId === '') return;
  const known = request !== undefined && request.path !== '';
  refusals.record({
    kind: 'own',
    ...ids,
    ...place,
    status: response?.responseCode ?? 0,
    details: response?.responseCodeDetails ?? '',
    ...(known ? { method: methodOf(request.requestMethod) } : {}),
    path: pathOf(entry),
  });
}
