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
  /** Of a host: the names of the proxies that it had, for whoever lifts it by one of them. */
  readonly proxies?: readonly string[];
  /** Whoever decided it: absent for operators here; they cannot lift what the parent of a cell bans. */
  readonly from?: 'parent';
  readonly author: string;
  readonly reason?: string;
  /** Epoch milliseconds. */
  readonly at: number;
  /** When its last certificate has ended for every proxy: then only the control plane has to refuse it. Epoch milliseconds. */
  readonly until: number;
}

/** Before the keys of what a parent bans: what is banned here is another entry. */
const parentPrefix = 'parent ';

/** Its key in the table. */
export function banKey(target: BanTarget, from?: Ban['from']): string {
  const own = target.kind === 'identity' ? `identity ${target.spiffeId}` : `host ${target.nodeKey}`;
  return from === 'parent' ? `${parentPrefix}${own}` : own;
}

/** Undefined if it is the key of none. */
export function readBanKey(key: string): Pick<Ban, 'target' | 'from'> | undefined {
  const target = targetOf(key.startsWith(parentPrefix) ? key.slice(parentPrefix.length) : key);
  if (target === undefined) return undefined;
  return key.startsWith(parentPrefix) ? { target, from: 'parent' } : { target };
}

function targetOf(key: string): BanTarget | undefined {
  const [kind, name = ''] = key.split(' ');
  const spiffeId = kind === 'identity' ? parseSpiffeId(name) : undefined;
  if (spiffeId !== undefined) return { kind: 'identity', spiffeId };
  return kind === 'host' && hostNamePattern.test(name) ? { kind: 'host', nodeKey: name } : undefined;
}

export function banJson({ spiffeId, proxies, author, reason, at, until }: Ban): Json {
  return { author, at, until, ...defined({ spiffeId, proxies, reason }) };
}

/** What is kept of one that was lifted. */
export function liftedJson(at: number): Json {
  return { lifted: true, at };
}

type Field = 'author' | 'reason' | 'at' | 'until' | 'spiffeId' | 'proxies' | 'lifted';

/** An entry that cannot be read completely bans all the same, for good. `lifted`: since then it bans nobody any more. */
export function readBan(whose: Pick<Ban, 'target' | 'from'>, value: Json): Ban | { readonly lifted: number } {
  const fields: Partial<Record<Field, unknown>> = Object(value);
  const { author, reason, at, until } = fields;
  if (fields.lifted === true) return { lifted: typeof at === 'number' ? at : 0 };
  const spiffeId = typeof fields.spiffeId === 'string' ? parseSpiffeId(fields.spiffeId) : undefined;
  const proxies = Array.isArray(fields.proxies) ? fields.proxies.filter((name) => typeof name === 'string') : undefined;
  return {
    ...whose,
    author: typeof author === 'string' ? author : 'unknown',
    at: typeof at === 'number' ? at : 0,
    until: typeof until === 'number' ? until : Number.MAX_SAFE_INTEGER,
    ...defined({ spiffeId, proxies, reason: typeof reason === 'string' ? reason : undefined }),
  };
}
