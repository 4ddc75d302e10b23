// A ban: who is refused, who decided it, and until when proxies have to refuse it. What is read from a table is checked.
import { defined } from '../../lib/defined.ts';
import { hostNamePattern } from '../../lib/host-name.ts';
import type { Json } from '../../lib/table.ts';
import { parseSpiffeId, type SpiffeId } from '../../model/spiffe-id.ts';

/** Everybody with an identity, or one host, by its node key (SHA-256, hex), whatever identities it has. */
export type BanTarget =
  | { readonly kind: 'identity'; readonly spiffeId: SpiffeId }
  | { readonly kind: 'host'; readonly nodeKey: string };

export interface Ban {
  readonly target: BanTarget;
  /** Of a host: the identity that it had, if that is known. */
  readonly spiffeId?: SpiffeId;
  readonly author: string;
  readonly reason?: string;
  /** Epoch milliseconds. */
  readonly at: number;
  /** When its last certificate has ended for every proxy: then only the control plane has to refuse it. Epoch milliseconds. */
  readonly until: number;
}

/** Its key in the table. */
export function banKey(target: BanTarget): string {
  return target.kind === 'identity' ? `identity ${target.spiffeId}` : `host ${target.nodeKey}`;
}

/** Undefined if it is none. */
export function targetOf(key: string): BanTarget | undefined {
  const [kind, name = ''] = key.split(' ');
  const spiffeId = kind === 'identity' ? parseSpiffeId(name) : undefined;
  if (spiffeId !== undefined) return { kind: 'identity', spiffeId };
  return kind === 'host' && hostNamePattern.test(name) ? { kind: 'host', nodeKey: name } : undefined;
}

export function banJson({ spiffeId, author, reason, at, until }: Ban): Json {
  return { author, at, until, ...defined({ spiffeId, reason }) };
}

/** An entry that cannot be read completely bans all the same, for good. `lifted`: it bans nobody any more. */
export function readBan(target: BanTarget, value: Json): Ban | 'lifted' {
  const fields: Partial<Record<'author' | 'reason' | 'at' | 'until' | 'spiffeId' | 'lifted', unknown>> = Object(value);
  if (fields.lifted === true) return 'lifted';
  const { author, reason, at, until } = fields;
  const spiffeId = typeof fields.spiffeId === 'string' ? parseSpiffeId(fields.spiffeId) : undefined;
  return {
    target,
    author: typeof author === 'string' ? author : 'unknown',
    at: typeof at === 'number' ? at : 0,
    until: typeof until === 'number' ? until : Number.MAX_SAFE_INTEGER,
    ...defined({ spiffeId, reason: typeof reason === 'string' ? reason : undefined }),
  };
}
