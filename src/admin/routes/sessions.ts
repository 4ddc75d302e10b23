// Sessions of the page: signing in with any credential of this API, and signing out (docs/page.md).
import { defined } from '../../lib/defined.ts';
import { CellwallError } from '../../lib/errors.ts';
import { signInPath } from '../oidc/oidc-door.ts';
import type { Known, Sessions } from '../page/sessions.ts';
import { ok, type Route, route } from '../route.ts';
import {
  endedSessionSchema,
  openedSessionSchema,
  sessionBodySchema,
  sessionCodeSchema,
  sessionSchema,
  signInSchema,
} from '../wire-session.ts';

export interface PageParts {
  readonly sessions: Sessions;
  /** Where the page is, for a browser on this host. */
  address(): string | undefined;
  /** What people know the provider of OpenID Connect by. Absent: there is none. */
  readonly oidc?: string;
}

export function sessionRoutes({ sessions, address, oidc }: PageParts): readonly Route[] {
  return [
    route({
      method: 'GET',
      url: '/v1/sign-in',
      access: 'open',
      summary: 'How one can sign in to the page, besides with a token.',
      answer: signInSchema,
      handle: () => ok(oidc === undefined ? {} : { oidc: { name: oidc, path: signInPath } }),
    }),
    route({
      method: 'GET',
      url: '/v1/session',
      access: 'viewer',
      summary: 'Who is asking, and what they may do.',
      answer: sessionSchema,
      handle: ({ known }) =>
        ok({ ...whoIs(known), ...(known.session === undefined ? {} : { expiresAt: known.session.expiresAt }) }),
    }),
    route({
      method: 'POST',
      url: '/v1/session',
      access: 'viewer',
      summary: 'Sign a browser in, with the rights of the credential that is shown, for eight hours.',
      body: sessionBodySchema,
      answer: openedSessionSchema,
      errors: [412],
      handle({ known, secure }) {
        refuseSession(known);
        const { header, cookie, expiresAt } = sessions.open(known, secure);
        const value = { ...whoIs(known), session: header.reveal(), expiresAt };
        return { kind: 'ok', value, headers: { 'set-cookie': cookie.reveal() } };
      },
    }),
    route({
      method: 'POST',
      url: '/v1/session/code',
      access: 'viewer',
      summary: 'A code that signs one browser in, once, within a minute, so that no token is copied into it.',
      body: sessionBodySchema,
      answer: sessionCodeSchema,
      errors: [412],
      handle({ known }) {
        refuseSession(known);
        const { code, expiresAt } = sessions.invite(known);
        return ok({ code: code.reveal(), expiresAt, ...defined({ page: address() }) });
      },
    }),
    route({
      method: 'POST',
      url: '/v1/session/end',
      access: 'viewer',
      summary: 'Sign out: the session that asks ends.',
      body: sessionBodySchema,
      answer: endedSessionSchema,
      handle({ known: { session } }) {
        if (session === undefined) return ok({ ended: false });
        return { kind: 'ok', value: { ended: true }, headers: { 'set-cookie': sessions.end(session.id) } };
      },
    }),
  ];
}

function whoIs({ caller: { name, role = 'viewer', rawResources } }: Known) {
  return { name, role, rawResources };
}

/** Sessions end: one that opened others would not. */
function refuseSession({ session }: Known): void {
  if (session === undefined) return;
  throw new CellwallError('failed_precondition', 'a session does not open others', {
    hint: 'sign in with a token, or with the address that "cellwall page" prints',
  });
}
