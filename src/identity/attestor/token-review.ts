// Asks a Kubernetes API server whether a token of a service account is good (TokenReview). Unlike a signature, that also says whether its
// pod, secret or service account is still there.
// https://kubernetes.io/docs/reference/kubernetes-api/authentication-resources/token-review-v1/
import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { boundedCall } from '../../lib/bounded-call.ts';
import type { Clock } from '../../lib/clock.ts';
import { CellwallError } from '../../lib/errors.ts';
import type { Log } from '../../lib/log.ts';
import type { ReviewSource } from './attestor-options.ts';

/** Whose token it is, by the word of the API server. */
export interface Reviewed {
  readonly namespace: string;
  readonly serviceAccount: string;
  /** Of a token that is bound to a pod. */
  readonly pod?: string;
  readonly node?: string;
}

export interface TokenReview {
  /** Throws `unauthenticated` for a token that is not good for that audience, `unavailable` if the API server cannot say. */
  review(token: string, audience: string): Promise<Reviewed>;
}

/** A host that attests waits for it. */
const timeoutMs = 5000;
const quietMs = 10_000;

const name = z.string().min(1).max(253);
const extraSchema = z.array(name).length(1);
const answerSchema = z.looseObject({
  status: z.looseObject({
    authenticated: z.boolean().optional(),
    audiences: z.array(z.string()).optional(),
    user: z
      .looseObject({ username: z.string().max(600).optional(), extra: z.record(z.string(), z.unknown()).optional() })
      .optional(),
  }),
});
const extra = { pod: 'authentication.kubernetes.io/pod-name', node: 'authentication.kubernetes.io/node-name' } as const;

export interface TokenReviewDeps {
  readonly clock: Clock;
  readonly log: Log;
  /** Anybody may present a token, and each is a call: more at the same time are refused for now. Default: 64. */
  readonly mostAtOnce?: number;
}

/** `cluster`: its name, for messages. */
export function createTokenReview(
  cluster: string,
  { url, caFile, tokenFile }: ReviewSource,
  { clock, log, mostAtOnce = 64 }: TokenReviewDeps,
): TokenReview {
  let running = 0;
  let toldAt = Number.NEGATIVE_INFINITY;

  function cannot(reason: string): CellwallError {
    // Once in a while: whoever may connect may have it asked.
    if (clock.monotonic() - toldAt >= quietMs) {
      toldAt = clock.monotonic();
      log.warn({ cluster, reason }, 'the API server of a cluster cannot be asked about tokens');
    }
    return new CellwallError('unavailable', `the API server of "${cluster}" cannot be asked about this token now`, {
      hint: 'the log of the control plane says why',
    });
  }

  async function ask(token: string, audience: string): Promise<string> {
    if (running >= mostAtOnce) throw cannot(`${mostAtOnce} questions are open already`);
    running += 1;
    try {
      return await boundedCall({
        who: 'the API server',
        url: `${url.replace(/\/+$/, '')}/apis/authentication.k8s.io/v1/tokenreviews`,
        method: 'POST',
        headers: {
          // Read each time: Kubernetes renews the tokens that it mounts.
          authorization: `Bearer ${readFileSync(tokenFile, 'utf8').trim()}`,
          'content-type': 'application/json',
        },
        body: JSON.stringify({
          apiVersion: 'authentication.k8s.io/v1',
          kind: 'TokenReview',
          spec: { token, audiences: [audience] },
        }),
        ca: readFileSync(caFile, 'utf8'),
        timeoutMs,
      });
    } catch (reason) {
      const { message, hint } = CellwallError.from(reason);
      throw cannot(hint === undefined ? message : `${message}: ${hint}`);
    } finally {
      running -= 1;
    }
  }

  return {
    async review(token, audience) {
      const answer = answerSchema.safeParse(parsed(await ask(token, audience)));
      if (!answer.success) throw cannot('its answer is no TokenReview');
      const { authenticated, audiences = [], user } = answer.data.status;
      if (authenticated !== true || user === undefined) throw refused('the API server does not know this token');
      // One that says nothing of audiences has not looked at them.
      if (!audiences.includes(audience)) throw refused('the token is for another audience');
      const [, namespace, serviceAccount] = /^system:serviceaccount:([^:]+):([^:]+)$/.exec(user.username ?? '') ?? [];
      if (namespace === undefined || serviceAccount === undefined)
        throw refused('the token is not a service account’s');
      const one = (key: string): string | undefined => extraSchema.safeParse(user.extra?.[key]).data?.[0];
      const [pod, node] = [one(extra.pod), one(extra.node)];
      return { namespace, serviceAccount, ...(pod !== undefined && { pod }), ...(node !== undefined && { node }) };
    },
  };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function refused(message: string): CellwallError {
  return new CellwallError('unauthenticated', message, { hint: 'see docs/identities.md, "Attestors"' });
}
