// Which causes, as they are now, account for what was seen: so that "no endpoint" is told as the sidecar that is gone. Pure.
import type { AnswerKind } from './answer-words.ts';
import { type Cause, type CauseName, nameOf } from './cause.ts';

type Seen = AnswerKind | 'denied' | 'denied-before' | 'handshake-failed' | 'connections-failed';

const tls: readonly Seen[] = [
  'endpoint-certificate-ended',
  'endpoint-certificate-not-yet',
  'endpoint-not-trusted',
  'endpoint-wrong-identity',
  'endpoint-fails',
  'caller-certificate-refused',
  'connection-broke',
  'handshake-failed',
];
const unreachable: readonly Seen[] = ['endpoint-refuses', 'endpoint-fails', 'endpoint-times-out', 'connection-broke'];
const unserved: readonly Seen[] = ['no-endpoint', 'target-unknown', ...unreachable];
const application: readonly Seen[] = [
  'application-refuses',
  'application-unreachable',
  'application-times-out',
  'application-missing',
  'application-closes',
  'application-resets',
  'connections-failed',
];
const policy: readonly Seen[] = ['denied', 'denied-before'];

const explained: Readonly<Partial<Record<CauseName, readonly Seen[]>>> = {
  'not-a-dependency': ['target-unknown'],
  'plaintext-caller': [...policy, 'handshake-failed'],
  banned: [...policy, ...tls],
  'path-refused': policy,
  denied: policy,
  'token-missing': policy,
  'not-enforced-yet': policy,
  'no-proxy': unserved,
  'svid-refused': [...unserved, ...tls],
  'proxy-gone': unserved,
  'proxy-outdated': unserved,
  'proxy-withheld': unserved,
  'configuration-rejected': [...unserved, ...tls, ...policy, 'rules-missing', 'application-missing'],
  'port-taken': [...unserved, ...tls, 'endpoint-plaintext'],
  'not-registered': ['no-endpoint'],
  'listens-nowhere': ['no-endpoint'],
  'not-ready': [...unserved, 'rules-missing', 'application-missing'],
  'certificate-missing': [...unserved, ...tls],
  'certificate-ended': tls,
  'certificate-not-yet': tls,
  'certificate-other-root': tls,
  'clock-off': tls,
  'endpoint-plaintext': ['endpoint-plaintext', ...unreachable],
  // What Envoy said of the certificate there says more than a probe of it.
  'endpoint-not-trusted': ['endpoint-not-trusted', 'endpoint-fails', 'connection-broke'],
  'endpoint-refuses': unreachable,
  'application-down': application,
  'application-elsewhere': application,
};

export function explains(cause: Cause, seen: Cause): boolean {
  return explained[nameOf(cause)]?.some((name) => name === nameOf(seen)) === true;
}

/** A denial is not a cause of its own: policy has the words for it. */
export function explainsDenial(cause: Cause): boolean {
  return explained[nameOf(cause)]?.includes('denied') === true;
}
