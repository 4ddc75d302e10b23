// The page's half of its session. It is kept for this tab and this origin (which has a port, as cookies have not), never for others; the
// other half is a cookie that scripts cannot read (docs/page.md).
import type { WhyOut } from '../../../src/admin/oidc/oidc-door.ts';
import type { OpenedSessionAnswer, SessionAnswer, SignInAnswer } from '../../../src/admin/wire-session.ts';
import { forgetDrafts } from '../policies/kept-drafts.ts';
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
  forgetDrafts(sessionStorage);
  // Whether or not it hears of it: this tab cannot use it any more.
  await call('POST', '/v1/session/end', { body: {}, session }).catch(() => undefined);
}

export function forget(): void {
  sessionStorage.removeItem(kept);
}

/** How one can sign in besides with a token. */
export function waysIn(signal: AbortSignal): Promise<SignInAnswer> {
  return call<SignInAnswer>('GET', '/v1/sign-in', { signal });
}

/** Why somebody came back from the provider without being signed in, which is in the address; it is taken out of it at once. */
export function takeWhyOut(): string | undefined {
  const why = /^#out=([a-z-]{1,20})$/.exec(location.hash)?.[1];
  if (why === undefined) return undefined;
  history.replaceState(null, '', '#/map');
  return whyOut.get(why) ?? whyOut.get('interrupted');
}

const whyOut: ReadonlyMap<string, string> = new Map<WhyOut, string>([
  ['refused', 'The provider did not sign you in, or you said no.'],
  [
    'no-role',
    'You have signed in, but none of your groups has a role here. Whoever runs this control plane can give it one.',
  ],
  [
    'groups-elsewhere',
    'You have signed in, but are in so many groups that the provider does not say which. Have it say only those that have a role here.',
  ],
  ['no-name', 'You have signed in, but the provider does not say who you are in a way that can be used here.'],
  ['interrupted', 'Signing in was interrupted, or took longer than ten minutes. Try again.'],
  ['unavailable', 'The provider cannot be reached, or answers something else. The log of the control plane says more.'],
  ['busy', 'Too many people are signing in, or it failed too often. Try again in a minute.'],
]);

/** The code in the address, which is taken out of it at once. */
export function takeCode(): string | undefined {
  const code = /^#code=([\w.-]+)$/.exec(location.hash)?.[1];
  if (code !== undefined) history.replaceState(null, '', '#/map');
  return code;
}
