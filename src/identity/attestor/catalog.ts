// The attestors there are, by the name that evidence gives. A new one is one file here and one line.
import type { Clock } from '../../lib/clock.ts';
import type { Table } from '../../lib/table.ts';
import type { Attestor } from './attestor.ts';
import { createJoinTokenAttestor, type JoinTokenAttestor } from './join-token.ts';
import { createNodeKeyAttestor } from './node-key.ts';
import type { NodeRegistry } from './node-registry.ts';

export interface AttestorDeps {
  /** Join tokens. */
  readonly tokens: Table;
  readonly nodes: NodeRegistry;
  readonly clock: Clock;
  /** SHA-256 of the root certificate, base64url. */
  readonly rootFingerprint: () => Promise<string>;
}

export interface Attestors extends Readonly<Record<string, Attestor>> {
  /** Operators make its tokens. */
  readonly 'join-token': JoinTokenAttestor;
}

export function createAttestors({ tokens, nodes, clock, rootFingerprint }: AttestorDeps): Attestors {
  return {
    'join-token': createJoinTokenAttestor({ table: tokens, nodes, clock, rootFingerprint }),
    'node-key': createNodeKeyAttestor({ nodes }),
  };
}
