// Turns what a caller's own sidecar answered in place of the called service into an entry that can be looked up by its id. It is used for
// nothing else: it is not a call of any service, and no gate considers it.
import type { HTTPAccessLogEntry } from '#gen/envoy/data/accesslog/v3/accesslog_pb.js';
import { methodOf } from './access-log.ts';
import { idsOf, pathOf } from './entry-ids.ts';
import type { Refusals } from './refusals.ts';
import { endOf } from './told-of-message.ts';

/** Whose proxy sent it, by its certificate; and for which of its dependencies, by the key of the port. */
export interface OwnAnswerPlace {
  readonly service: string;
  readonly node: string;
  readonly target: string;
}

/** Ignores answers that a service had begun, and those without an id. */
export function takeOwnAnswer(entry: HTTPAccessLogEntry, place: OwnAnswerPlace, refusals: Refusals): void {
  const { commonProperties, request, response } = entry;
  // The answer had begun: its headers, including an id, are not the proxy's.
  if (commonProperties?.timeToFirstUpstreamRxByte !== undefined) return;
  const ids = idsOf(entry);
  // It could not answer its caller.
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
    endedAt: endOf(commonProperties),
  });
}
