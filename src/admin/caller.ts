// Who is asking, and what they may do: roles, each including the one before, and a right in addition. Pure.

/** Weakest first. A scraper reads metrics, and nothing else. */
export const roles = ['scraper', 'viewer', 'editor', 'admin'] as const;
export type Role = (typeof roles)[number];

/** Who may call a route. `open`: anybody. `loopback`: whoever has a role, or any peer on this host. */
export type Access = 'open' | 'loopback' | Role;

export interface Caller {
  /** The author in history and audit. */
  readonly name: string;
  /** Absent: nobody showed a credential. */
  readonly role?: Role;
  /** May change EnvoyResource documents, which can contain nearly anything. */
  readonly rawResources: boolean;
}

export const anonymous: Caller = { name: 'anonymous', rawResources: false };

/** Whoever has the token of the data folder. */
export const operator: Caller = { name: 'operator', role: 'admin', rawResources: true };

/** `loopback` admits everyone from this host, and any role from elsewhere. */
export function isAllowed(access: Access, { role }: Caller, isLocal: boolean): boolean {
  if (access === 'open' || (access === 'loopback' && isLocal)) return true;
  const needed = access === 'loopback' ? 'scraper' : access;
  return role !== undefined && roles.indexOf(role) >= roles.indexOf(needed);
}

/** Who makes a change, and why, for history and audit. */
export interface Authored {
  readonly author: string;
  readonly reason?: string;
}

/** What history and audit record about a change. */
export function authored({ name }: Caller, reason: string | undefined): Authored {
  return reason === undefined ? { author: name } : { author: name, reason };
}
