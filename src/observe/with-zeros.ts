// Counters with labels whose values are known: each is exported as 0 from the start. Prometheus sees no increase of what was not there, so
// that an alert would miss the first rejection, or refusal, after a start.
import type { Counter } from 'prom-client';

/** Their values, as docs/metrics.md lists them: the short names of the types that are served, gRPC's codes, reasons of the gate. */
const known = {
  type: ['Cluster', 'ClusterLoadAssignment', 'Secret', 'Listener', 'RouteConfiguration', 'TypedExtensionConfig'],
  code: ['unauthenticated', 'permission_denied', 'resource_exhausted'],
  reason: ['limit', 'growth', 'mass-deletion', 'selector-emptied'],
} as const;

export interface LabelledCounters {
  readonly pushes: Counter<'type'>;
  readonly nacks: Counter<'type'>;
  readonly refused: Counter<'code'>;
  readonly held: Counter<'reason'>;
}

export function withZeros({ pushes, nacks, refused, held }: LabelledCounters): void {
  for (const type of known.type) {
    pushes.inc({ type }, 0);
    nacks.inc({ type }, 0);
  }
  for (const code of known.code) refused.inc({ code }, 0);
  for (const reason of known.reason) held.inc({ reason }, 0);
}
