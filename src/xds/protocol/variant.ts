// The two variants of the protocol, as a stream uses them: how a request is parsed, and how it is applied.

import type { Snapshot } from '../resources/snapshot.ts';
import type { TypeUrl } from '../resources/type-url.ts';
import { stepDelta } from './delta.ts';
import type { Limits } from './limits.ts';
import { readOnce } from './read-once.ts';
import type { Received } from './received.ts';
import { readDelta, readSotw } from './request.ts';
import type { OwnFields } from './request-parts.ts';
import type { SharedSteps } from './shared-steps.ts';
import { stepSotw } from './sotw.ts';
import type { Step, StreamState } from './stream-state.ts';

/** A parsed request; `step` applies it. */
export type Reading = Omit<Received<never>, 'request'> & {
  readonly step: ((state: StreamState) => Step) | undefined;
};

/** `read` throws a CellwallError for a request that cannot be parsed or exceeds a limit. */
export interface Variant {
  read(bytes: Uint8Array, only: TypeUrl | undefined, limits: Limits, shared: SharedSteps): Reading;
  flush(state: StreamState, snapshot: Snapshot, now: number): Step;
}

/** Of `DiscoveryRequest` and `DeltaDiscoveryRequest`, envoy/service/discovery/v3/discovery.proto. */
export const sotwFields: OwnFields = { version: 1, node: 2, nonce: 5, lists: [3], versions: 0 };
export const deltaFields: OwnFields = { node: 1, nonce: 6, version: 0, lists: [3, 4, 5], versions: 5 };

export type VariantName = 'sotw' | 'delta';

export const variants: Readonly<Record<VariantName, Variant>> = {
  sotw: {
    read(bytes, only, limits, shared) {
      const { node, typeUrl, request } = readOnce(readSotw, sotwFields, shared, bytes, only, limits);
      return { node, typeUrl, step: request && ((state) => stepSotw(state, { kind: 'request', request })) };
    },
    flush: (state, snapshot, now) => stepSotw(state, { kind: 'flush', snapshot, now }),
  },
  delta: {
    read(bytes, only, limits, shared) {
      const { node, typeUrl, request } = readOnce(readDelta, deltaFields, shared, bytes, only, limits);
      return { node, typeUrl, step: request && ((state) => stepDelta(state, { kind: 'request', request })) };
    },
    flush: (state, snapshot, now) => stepDelta(state, { kind: 'flush', snapshot, now }),
  },
};
