// What the key of a certificate signs to vouch for a node key (attestors x509-pop and gitlab-runner): both sides build it here.
import { sha256 } from './fingerprint.ts';

/** `nodeKey`: SHA-256 of its SubjectPublicKeyInfo, hex. Of no use with another one. */
export function popMessage(nodeKey: string): Buffer {
  return Buffer.from(`cellwall x509-pop v1\n${nodeKey}`);
}

/** Of a runner for the node key of the job that has this token: of no use for another job, nor with another key. */
export function vouchMessage(nodeKey: string, token: string): Buffer {
  return Buffer.from(`cellwall gitlab-runner v1\n${nodeKey}\n${sha256(token).toString('hex')}`);
}
