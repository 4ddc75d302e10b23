// JWT-SVIDs by their audiences, each kept for half of its life; and until its end while no other is to be had.
import type { JwtReply } from '../../identity-api/identity-protocol.ts';
import type { Clock } from '../../lib/clock.ts';
import { CellwallError, type ErrorCode } from '../../lib/errors.ts';

export interface KeptTokensOptions {
  /** Asks the control plane. */
  readonly ask: (audience: readonly string[]) => Promise<JwtReply>;
  readonly clock: Pick<Clock, 'now'>;
}

interface Kept {
  readonly reply: JwtReply;
  readonly renewAt: number;
  readonly ends: number;
}

const mostKept = 64;
/** With less left, whoever gets it could not use it. */
const leastMs = 10_000;
/** Nobody said no: the one that is there is as good as it was. */
const away: ReadonlySet<ErrorCode> = new Set(['unavailable', 'deadline_exceeded', 'internal', 'resource_exhausted']);

/** However many ask for the same audiences at once, the control plane is asked once. Throws what it says. */
export function createKeptTokens({
  ask,
  clock,
}: KeptTokensOptions): (audience: readonly string[]) => Promise<JwtReply> {
  const kept = new Map<string, Kept>();
  const asking = new Map<string, Promise<JwtReply>>();

  async function renew(name: string, audience: readonly string[]): Promise<JwtReply> {
    const now = clock.now();
    const reply = await ask(audience);
    const ends = Date.parse(reply.expiresAt);
    kept.delete(name);
    kept.set(name, { reply, renewAt: (now + ends) / 2, ends });
    for (const oldest of kept.keys()) {
      if (kept.size <= mostKept) break;
      kept.delete(oldest);
    }
    return reply;
  }

  return async (given) => {
    // A set, whatever its order, and however often one is named.
    const audience = [...new Set(given)];
    const name = JSON.stringify(audience.toSorted());
    const known = kept.get(name);
    if (known !== undefined && clock.now() < known.renewAt) return known.reply;
    let asked = asking.get(name);
    if (asked === undefined) {
      asked = renew(name, audience).finally(() => asking.delete(name));
      asking.set(name, asked);
    }
    return asked.catch((reason: unknown) => {
      const usable = known !== undefined && clock.now() < known.ends - leastMs;
      if (usable && away.has(CellwallError.from(reason).code)) return known.reply;
      throw reason;
    });
  };
}
