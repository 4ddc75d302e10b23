// The rules of the protocol, numbered; the cases of this suite and the tests of src/xds name them by number. `clause` is the
// section that says so in https://www.envoyproxy.io/docs/envoy/latest/api-docs/xds_protocol; a rule without one is what
// running such servers taught.

export interface Rule {
  readonly text: string;
  readonly clause?: string;
  /** Where it is shown, if no server can be judged by it from outside. */
  readonly shownBy?: string;
}

export const rules = {
  1: {
    text: 'a nonce belongs to its stream; the first request of a type may bring any',
    clause: 'Basic Protocol Overview',
  },
  2: {
    text: 'the first request has the node, later ones need not; it does not change',
    clause: 'Basic Protocol Overview',
  },
  3: { text: 'a version is a property of the resources', clause: 'ACK/NACK and resource type instance version' },
  4: { text: 'error_detail makes a NACK, versions do not', clause: 'NACK' },
  5: { text: 'only changes are sent; an ACK is no request', clause: 'When to send an update' },
  6: { text: 'a newer request supersedes; a stale nonce', clause: 'Resource updates' },
  7: { text: 'names may change with an ACK or a NACK', clause: 'Resource updates' },
  8: { text: 'what a reconnecting client has is not sent again; what it asks for anew is', clause: 'Incremental xDS' },
  9: {
    text: 'wildcard: legacy, explicit, beside names; unsubscribing',
    clause: 'How the client specifies what resources to return',
  },
  10: { text: 'full sets of clusters and listeners', clause: 'Grouping Resources into Responses' },
  11: { text: 'absence, removal, appearance', clause: 'Deleting Resources' },
  12: { text: 'what a changed referrer warms for is sent again', clause: 'Resource warming' },
  13: { text: 'make before break', clause: 'Eventual consistency considerations' },
  14: { text: 'a NACK concerns one type; what was rejected is not sent again', clause: 'NACK' },
  15: { text: 'a TTL only where the client declares it', clause: 'TTL' },
  16: { text: 'no name twice; type_url as in the resources', clause: 'Duplicate Resource Names' },
  17: { text: 'one secret name, one byte-identical SdsSecretConfig', shownBy: 'test/translate' },
  18: { text: 'bursts coalesce; a slow reader costs nobody else anything', shownBy: 'test/xds/server.test.ts' },
  19: { text: 'a reconnect storm is admitted at a bounded rate', shownBy: 'test/xds/server.test.ts' },
} as const satisfies Readonly<Record<number, Rule>>;

export type RuleNumber = keyof typeof rules;
