// The two places of signing in by OpenID Connect that a browser goes to by itself: out to the provider, and back. Who comes back has a
// code of the page (page/sessions.ts), as if "cellwall page" had printed it. What a browser keeps meanwhile is a cookie of ten minutes.
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { createBudget } from '../../lib/budget.ts';
import { clip } from '../../lib/clip.ts';
import type { Clock } from '../../lib/clock.ts';
import { CellwallError } from '../../lib/errors.ts';
import type { Log } from '../../lib/log.ts';
import { createSeenLately } from '../../lib/seen-lately.ts';
import { sourceOf } from '../../lib/source-of.ts';
import type { Caller } from '../caller.ts';
import type { FailedTries } from '../failed-tries.ts';
import type { Known, Sessions } from '../page/sessions.ts';
import type { AdminOidcOptions } from './admin-oidc-options.ts';
import { type Claims, callerOfClaims, type WhyNobody } from './caller-of-claims.ts';
import { callbackPath, type Flow, type OidcProvider } from './oidc-provider.ts';

export interface OidcDoorDeps {
  readonly options: AdminOidcOptions;
  readonly provider: OidcProvider;
  readonly sessions: Pick<Sessions, 'invite'>;
  readonly tries: Pick<FailedTries, 'refused' | 'nobody'>;
  readonly clock: Pick<Clock, 'now' | 'monotonic'>;
  readonly log: Log;
}

export const signInPath = '/v1/sign-in/oidc';

/** What the page says to somebody who was not signed in: a closed list, as it is in an address that anybody can write. */
export type WhyOut = 'refused' | WhyNobody | 'interrupted' | 'unavailable' | 'busy';

const cookieName = 'cellwall-sign-in';
const flowSeconds = 600;
/** Of somebody who is nobody here, as the provider calls them. */
const longestName = 128;
/** Questions to the provider at the same time: anybody can cause them. */
const mostAtOnce = 8;
/**
 * Answers, of one address, that are none: the provider is asked about each, with our secret, and may have enough of it. What succeeds is
 * not counted.
 */
const failing = { burst: 10, everyMs: 6000 };
/** The same is in the log once in this time: anybody can cause it. */
const saidAgainMs = 10_000;

const flowSchema = z.strictObject({
  state: z.string().min(20).max(200),
  nonce: z.string().min(20).max(200),
  verifier: z.string().min(43).max(128),
});

export function addOidc(app: FastifyInstance, deps: OidcDoorDeps): void {
  const { options, provider, sessions, tries, clock, log } = deps;
  let asking = 0;
  const failures = createBudget({ clock, ...failing });
  const said = createSeenLately({ clock, forMs: saidAgainMs, most: 100 });
  const warn = (fields: Readonly<Record<string, unknown>>, text: string): void => {
    if (said.has(text)) return;
    said.add(text);
    log.warn(fields, text);
  };
  /** Whatever happens, the answer is an address of the page. */
  const guarded = async (request: FastifyRequest, run: () => Promise<string | WhyOut>): Promise<string> => {
    const address = addressOf(request);
    if (asking >= mostAtOnce) return pageFor('busy');
    asking += 1;
    try {
      return await run();
    } catch (reason) {
      const failed = CellwallError.from(reason);
      if (failed.code === 'unavailable' || failed.code === 'failed_precondition') {
        warn({ reason: failed.message }, 'nobody can sign in by OpenID Connect now');
        return pageFor('unavailable');
      }
      if (failed.code === 'permission_denied') return pageFor('refused');
      const counted = tries.refused({ address }, failed.message);
      if (counted.code === 'resource_exhausted') return pageFor('busy');
      log.warn({ address, reason: failed.message }, 'a sign-in by OpenID Connect failed');
      return pageFor('interrupted');
    } finally {
      asking -= 1;
    }
  };
  /** `Lax`: the provider's redirect back is a navigation from another site. */
  const cookie = (value: string, seconds: number): string => {
    const secure = options.pageUrl.protocol === 'https:' ? '; Secure' : '';
    return `${cookieName}=${value}; Path=${callbackPath}; HttpOnly; SameSite=Lax; Max-Age=${seconds}${secure}`;
  };
  /** Undefined: too many of that address were none. */
  const finish = async (request: FastifyRequest, flow: Flow): Promise<Claims | undefined> => {
    const source = sourceOf(addressOf(request));
    if (failures.spend(source) > 0) return undefined;
    try {
      const claims = await provider.finish(new URL(request.url, options.pageUrl).searchParams, flow);
      failures.refund(source);
      return claims;
    } catch (reason) {
      // Their user said no, or they are away: nobody's attack.
      if (['permission_denied', 'unavailable'].includes(CellwallError.from(reason).code)) failures.refund(source);
      throw reason;
    }
  };
  const config = { access: 'open', page: true } as const;

  app.get(signInPath, { config }, async (request, reply) => {
    const to = await guarded(request, async () => {
      const { url, flow } = await provider.begin();
      reply.header('set-cookie', cookie(Buffer.from(JSON.stringify(flow)).toString('base64url'), flowSeconds));
      return url;
    });
    return redirect(reply, to);
  });

  app.get(callbackPath, { config }, async (request, reply) => {
    const flow = flowOf(request.headers.cookie);
    // The answer to another flow of this browser leaves that of the cookie alone: two tabs may sign in at a time.
    const isOther =
      flow !== undefined && new URL(request.url, options.pageUrl).searchParams.get('state') !== flow.state;
    if (!isOther) reply.header('set-cookie', cookie('', 0));
    const to = await guarded(request, async () => {
      if (flow === undefined) return pageFor('interrupted');
      const claims = await finish(request, flow);
      if (claims === undefined) return pageFor('busy');
      const caller = callerOfClaims(claims, options);
      if (typeof caller === 'string') {
        tries.nobody(`oidc:${clip(String(claims['sub']), longestName)}`, addressOf(request), caller);
        return pageFor(caller);
      }
      return `/#code=${sessions.invite(known(caller)).code.reveal()}`;
    });
    return redirect(reply, to);
  });

  /** The provider is asked again in the end: until then nobody here learns that somebody was blocked there. */
  const known = (caller: Caller): Known => {
    const until = clock.monotonic() + options.sessionMinutes * 60_000;
    return {
      caller,
      endsAt: clock.now() + options.sessionMinutes * 60_000,
      again: async () => (clock.monotonic() < until ? caller : undefined),
    };
  };
}

function addressOf({ socket }: FastifyRequest): string {
  return socket.remoteAddress ?? 'localhost';
}

function redirect(reply: FastifyReply, to: string): FastifyReply {
  return reply.status(303).header('location', to).send();
}

function pageFor(why: WhyOut): string {
  return `/#out=${why}`;
}

/** Undefined: it is older than ten minutes, of another browser, or nobody's. */
function flowOf(cookies: string | undefined): Flow | undefined {
  const value = cookies
    ?.split(/; */)
    .find((one) => one.startsWith(`${cookieName}=`))
    ?.slice(cookieName.length + 1);
  if (value === undefined || value.length > 1024) return undefined;
  try {
    return flowSchema.safeParse(JSON.parse(Buffer.from(value, 'base64url').toString('utf8'))).data;
  } catch {
    return undefined;
  }
}
