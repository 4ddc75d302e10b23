// The IR of EnvoyResource documents, which change a proxy's resources in addition to everything else.
import type { DocumentKey } from '../model/documents/document.ts';
import type { Source } from '../model/problem.ts';
import type { SpiffeId } from '../model/spiffe-id.ts';

/** A raw resource or patch. Its body is plain data; translate knows Envoy's schema. */
export interface RawIr {
  readonly document: DocumentKey;
  readonly source: Source;
  readonly identities: ReadonlySet<SpiffeId> | 'all';
  readonly change: RawChangeIr;
  readonly version?: string;
}

/** Add a resource, merge fields into one that Cellwall made, or remove one. */
export type RawChangeIr =
  | { readonly kind: 'resource'; readonly typeUrl: string; readonly body: Readonly<Record<string, unknown>> }
  | {
      readonly kind: 'merge';
      readonly typeUrl: string;
      readonly name: string;
      readonly body: Readonly<Record<string, unknown>>;
    }
  | { readonly kind: 'remove'; readonly typeUrl: string; readonly name: string };
