// What a proxy is served, for people: every resource as JSON without its secrets, and the documents that made it.
import type { Place } from '../model/origin.ts';
import { redactedJson } from '../translate/redacted-json.ts';
import type { Snapshot } from '../xds/resources/snapshot.ts';
import type { MadeBy } from './provenance.ts';

export interface SentToProxy {
  readonly node: string;
  /** Revision of the documents at its last change. */
  readonly revision: number;
  readonly resources: readonly SentResource[];
}

export interface SentResource {
  readonly typeUrl: string;
  readonly name: string;
  readonly version: string;
  readonly madeBy: readonly Place[];
  /** With Envoy's own field names, as in its config dump. */
  readonly message: unknown;
}

/** Secrets read `[redacted]`. Throws `internal` for a type that Envoy's schema does not have. */
export function sentToProxy(node: string, { revision, resources }: Snapshot, madeBy: MadeBy): SentToProxy {
  const all = [...resources.values()].flatMap((names) => [...names.values()]);
  return {
    node,
    revision,
    resources: all.map(({ typeUrl, name, version, value }) => ({
      ...{ typeUrl, name, version },
      madeBy: madeBy(typeUrl, name),
      message: redactedJson(typeUrl, value),
    })),
  };
}
