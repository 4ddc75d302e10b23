// A case: one thing that a server must or should do, said by the protocol or learnt by running such servers.
import type { Contents } from './contents.ts';
import type { Peer } from './peer.ts';
import type { RuleNumber } from './rules.ts';
import type { Kind, Variant } from './variant.ts';

export interface Case {
  /** Kebab-case, unique. */
  readonly id: string;
  readonly rule: RuleNumber;
  /** `must`: the protocol says so, or clients break. `should`: it allows otherwise, at a price. */
  readonly level: 'must' | 'should';
  readonly title: string;
  /** Default: all four. */
  readonly protocol?: Variant['protocol'];
  readonly transport?: Variant['transport'];
  run(context: Context): Promise<void>;
}

/** A node of the case's own on the server. */
export interface Context {
  readonly variant: Variant;
  connect(): Peer;
  set(contents: Contents): Promise<void>;
  /** Changes or adds one resource. */
  update(kind: Kind, name: string, text: string): Promise<void>;
  remove(kind: Kind, name: string): Promise<void>;
  /** Another server with the same contents: a replica, or this one after a restart. */
  replica(contents: Contents): Promise<Peer>;
}
