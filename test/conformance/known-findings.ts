// What the suite is known to find in the control, go-control-plane 0.14 over its snapshot cache, and why: so that the suite is
// tested itself. A finding that is not here, or one here that is gone, is to be explained before this list is changed.
import type { Finding } from './suite.ts';
import type { Variant } from './variant.ts';

interface Known {
  /** What that server does, against the clause of the cases' rule. */
  readonly why: string;
  readonly cases: readonly string[];
  readonly protocol?: Variant['protocol'];
  readonly transport?: Variant['transport'];
}

const known: readonly Known[] = [
  {
    why:
      'The node is kept from the newest request that has one and never compared, and a stream without one is that of a node ' +
      'with an empty id. The protocol only says that clients do not do that.',
    cases: ['node-missing', 'node-changes'],
  },
  {
    why: 'A single-type service looks up whatever type the request says.',
    cases: ['type-of-another-service'],
    transport: 'single',
  },
  {
    why:
      'A request whose version_info is not the newest is answered with the newest at once, error_detail or not: a client that ' +
      'rejects a version and says its earlier one, as it must, is sent the rejected one again and again.',
    cases: ['nack-is-not-answered', 'nack-of-an-update'],
    protocol: 'sotw',
  },
  {
    why:
      'The cache answers out of the names in the newest request alone, and takes none for all: after names, an empty list ' +
      'still makes a wildcard, though the subscription beside it knows better.',
    cases: ['unsubscribe-all-clusters', 'unsubscribe-all-endpoints', 'unsubscribe-all-after-wildcard'],
    protocol: 'sotw',
  },
  {
    why: 'The cache compares "*" with names of resources when it filters: an explicit wildcard selects nothing.',
    cases: ['explicit-wildcard-cluster', 'explicit-wildcard-listener', 'appears-beside-wildcard'],
    protocol: 'sotw',
  },
  {
    why: 'A wildcard is granted for every type, not for clusters and listeners only.',
    cases: ['no-wildcard-of-endpoints'],
  },
  {
    why: 'A response of any type carries all that was asked for, and one version covers the type whatever was asked for.',
    cases: ['named-types-carry-changes'],
    protocol: 'sotw',
  },
  {
    why: 'One version covers the type: a change of anything in it answers every watch.',
    cases: ['others-change'],
    protocol: 'sotw',
    transport: 'single',
  },
  {
    why:
      'A cache for aggregated streams answers no request that names less than all there is of the type. The clause wants what ' +
      'is named to be supplied if it exists.',
    cases: [
      'named-among-others',
      'named-cluster',
      'names-with-an-ack',
      'names-with-a-nack',
      'stale-nonce-sotw',
      'unsubscribe-one',
      'wildcard-then-names',
      'reconnect-sotw-new-name',
    ],
    protocol: 'sotw',
    transport: 'ads',
  },
  {
    why: 'What the stream was sent before is not sent again when it is newly named beside the wildcard.',
    cases: ['name-requested-beside-wildcard'],
  },
  {
    why: 'A resubscription is compared with what the stream was sent; the clause wants the resource sent whatever was.',
    cases: ['resubscribed'],
    protocol: 'delta',
  },
  {
    why: 'Only what the stream had is told removed: a name that never existed is not answered (go-control-plane#488).',
    cases: ['absent-is-told'],
    protocol: 'delta',
  },
  {
    why: 'A stream starts with nothing known, so that the version that a client brings along is not enough to stay silent.',
    cases: ['reconnect-sotw-wildcard'],
    protocol: 'sotw',
  },
  {
    why: 'Types are answered by their own versions: a changed referrer re-sends nothing (go-control-plane#1035).',
    cases: ['warming-cluster', 'warming-listener-route', 'warming-listener-secret'],
    transport: 'ads',
  },
  {
    why: 'A snapshot is sent as it is, type by type: a cluster goes before the routes that used it are replaced.',
    cases: ['make-before-break'],
    transport: 'ads',
  },
];

/** Why the control does not pass the case; undefined if it is to pass. */
export function knownFinding({ case: { id }, variant }: Finding): string | undefined {
  return known.find(
    ({ cases, protocol, transport }) =>
      cases.includes(id) &&
      (protocol ?? variant.protocol) === variant.protocol &&
      (transport ?? variant.transport) === variant.transport,
  )?.why;
}
