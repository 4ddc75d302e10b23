// The page's half of its session. It is kept for this tab and this origin (which has a port, as cookies have not), never for others; the
// other half is a cookie that scripts cannot read (docs/page.md).
import type { OpenedSessionAnswer, SessionAnswer } from '../../../src/admin/wire-session.ts';
import { ApiError, call } from './call.ts';

export type Who = Pick<SessionAnswer, 'name' | 'role' | 'rawResources' | 'expiresAt'>;

const kept = 'cellwall-session';

/** Undefined: nobody is signed in. */
export function sessionKey(): string | undefined {
  return sessionStorage.getItem(kept) ?? undefined;
}

/** `credential`: a token, or a code of "cellwall page". */
export async function signIn(credential: string): Promise<Who> {
  const opened = await call<OpenedSessionAnswer>('POST', '/v1/session', {
    body: {},
    authorization: `Bearer ${credential}`,
  });
  sessionStorage.setItem(kept, opened.session);
  return opened;
}

/** Who is signed in; undefined: nobody is. A browser may also have a client certificate. */
export async function whoIsIn(): Promise<Who | undefined> {
  if (sessionKey() === undefined) return undefined;
  try {
    return await call<SessionAnswer>('GET', '/v1/session', { session: sessionKey() });
  } catch (reason) {
    if (reason instanceof ApiError && reason.status === 401) {
      forget();
      return undefined;
    }
    throw reason;
  }
}

export async function signOut(): Promise<void> {
  const session = sessionKey();
  forget();
  // Whether or not it hears of it: this tab cannot use it any more.
  await call('POST', '/v1/session/end', { body: {}, session }).catch(() => undefined);
}

export function forget(): void {
  sessionStorage.removeItem(kept);
}

/** The code in the address, which is taken out of it at once. */
export function takeCode(): string | undefined {
  const code = /^#code=([\w.-]+)$/.exec(location.hash)?.[1];
  if (code !== undefined) history.replaceState(null, '', '#/map');
  return code;
}
