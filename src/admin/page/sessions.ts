// Sessions of the page (docs/page.md): a browser shows its credential once, and has two halves of a secret from then on. One half is a
// cookie that no script can read, the other is kept by the page for its own origin and sent as a header. Cookies are shared by all ports of
// a host (RFC 6265 §8.5), so the cookie alone is worth nothing to another program there; the header alone is worth nothing without the
// cookie; and a request of another site carries no header (CSRF). In memory, bounded; whoever revokes the credential ends its sessions.
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import type { Clock } from '../../lib/clock.ts';
import { Redacted } from '../../lib/redacted.ts';
import type { Caller } from '../caller.ts';

/** Whose request it is, and whether the credential behind it is still good: asked again for every request of a session. */
export interface Known {
  readonly caller: Caller;
  /** Undefined once it was revoked or has expired. */
  again(): Promise<Caller | undefined>;
  /** Epoch milliseconds: when it will not be good any more, if that is known. */
  readonly endsAt?: number;
  /** The session that the request belongs to. Absent: the credential itself was shown. */
  readonly session?: { readonly id: string; readonly expiresAt: number };
}

/** What a browser sends. */
export interface ShownSession {
  /** Value of `sessionHeader`. */
  readonly header: string;
  /** The whole Cookie header. */
  readonly cookies: string | undefined;
}

export interface OpenedSession {
  readonly id: string;
  /** For `sessionHeader`. */
  readonly header: Redacted<string>;
  /** Value of Set-Cookie. */
  readonly cookie: Redacted<string>;
  /** Epoch milliseconds. */
  readonly expiresAt: number;
}

export interface Sessions {
  /** `secure`: over TLS, so that the cookie is never sent without it. */
  open(known: Known, secure: boolean): OpenedSession;
  /** Undefined for anything that is not both halves of a session that goes on. */
  find(shown: ShownSession): Promise<Known | undefined>;
  /** Returns a Set-Cookie that removes the browser's half. */
  end(id: string): string;
  /** A code that opens one session with the same rights, once, within a minute. */
  invite(known: Known): { readonly code: Redacted<string>; readonly expiresAt: number };
  /** Undefined for a code that was used, has expired, or never was. */
  redeem(code: string): Known | undefined;
}

export const sessionHeader = 'x-cellwall-session';

const sessionMs = 8 * 3_600_000;
const codeMs = 60_000;
/** Of one name: a viewer ends nobody else's, and takes back nobody else's code, by asking for many. */
const [maxOfOne, maxSessions, maxCodes] = [20, 500, 500];

interface Entry {
  readonly known: Known;
  readonly header: Buffer;
  readonly cookie: Buffer;
  readonly expiresAt: number;
  /** Monotonic. */
  readonly until: number;
}

export function createSessions(clock: Pick<Clock, 'now' | 'monotonic'>): Sessions {
  const sessions = new Map<string, Entry>();
  const codes = new Map<string, { readonly known: Known; readonly until: number }>();
  const find = (id: string): Entry | undefined => {
    const found = sessions.get(id);
    if (found === undefined || found.until > clock.monotonic()) return found;
    sessions.delete(id);
    return undefined;
  };
  return {
    open({ caller, again, endsAt }, secure) {
      dropOldestOf(sessions, caller.name);
      const [id, header, cookie] = [secret(8), secret(32), secret(32)];
      const lastsMs = Math.min(sessionMs, endsAt === undefined ? sessionMs : Math.max(0, endsAt - clock.now()));
      const expiresAt = clock.now() + lastsMs;
      // Whoever follows it hears of its end, too: by signing out, in time, or in favour of another.
      const goesOn = async (): Promise<Caller | undefined> => (find(id) === undefined ? undefined : again());
      sessions.set(id, {
        known: { caller, again: goesOn, session: { id, expiresAt } },
        header: hash(header),
        cookie: hash(cookie),
        expiresAt,
        until: clock.monotonic() + lastsMs,
      });
      dropOldest(sessions, maxSessions);
      return {
        id,
        header: new Redacted(`${id}.${header}`),
        cookie: new Redacted(setCookie(id, cookie, Math.ceil(lastsMs / 1000), secure)),
        expiresAt,
      };
    },
    async find({ header, cookies = '' }) {
      const [, id = '', key = ''] = /^([\w-]{11})\.([\w-]{43})$/.exec(header) ?? [];
      const found = find(id);
      const given = cookies.split(/; */).find((one) => one.startsWith(`${cookieName(id)}=`));
      // Both are compared, whichever is wrong.
      const isKey = timingSafeEqual(hash(key), found?.header ?? hash('header'));
      const isCookie = timingSafeEqual(hash(given?.split('=')[1] ?? ''), found?.cookie ?? hash('cookie'));
      if (found === undefined || !isKey || !isCookie) return undefined;
      const caller = await found.known.again();
      if (caller === undefined) {
        sessions.delete(id);
        return undefined;
      }
      return { ...found.known, caller };
    },
    end(id) {
      sessions.delete(id);
      return setCookie(id, '', 0, false);
    },
    invite(known) {
      dropOldestOf(codes, known.caller.name);
      const code = `cwp1.${secret(32)}`;
      codes.set(hash(code).toString('hex'), { known, until: clock.monotonic() + codeMs });
      dropOldest(codes, maxCodes);
      return { code: new Redacted(code), expiresAt: clock.now() + codeMs };
    },
    redeem(code) {
      const key = hash(code).toString('hex');
      const found = codes.get(key);
      codes.delete(key);
      return found === undefined || found.until <= clock.monotonic() ? undefined : found.known;
    },
  };
}

/** Whether a bearer credential is such a code. */
export function isCode(text: string): boolean {
  return text.startsWith('cwp1.');
}

/** Of each session its own: two control planes on one host, and two tabs, do not take each other's place. */
function cookieName(id: string): string {
  return `cellwall-session-${id}`;
}

function setCookie(id: string, value: string, seconds: number, secure: boolean): string {
  const attributes = ['Path=/v1', 'HttpOnly', 'SameSite=Strict', `Max-Age=${seconds}`, ...(secure ? ['Secure'] : [])];
  return [`${cookieName(id)}=${value}`, ...attributes].join('; ');
}

function secret(bytes: number): string {
  return randomBytes(bytes).toString('base64url');
}

function hash(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

/** So that one more has room. */
function dropOldestOf(entries: Map<string, { readonly known: Known }>, name: string): void {
  const own = [...entries].filter(([, { known }]) => known.caller.name === name);
  for (const [oldest] of own.slice(0, Math.max(0, own.length - maxOfOne + 1))) entries.delete(oldest);
}

function dropOldest(entries: Map<string, unknown>, most: number): void {
  for (const oldest of entries.keys()) {
    if (entries.size <= most) return;
    entries.delete(oldest);
  }
}
