// Does something with the first control plane that can do it. One that is down, hangs or is not the right one is skipped, with what is
// wrong with it in the log; whoever refuses is not asked elsewhere: all control planes know the same documents.
import { defined } from '../../lib/defined.ts';
import { CellwallError, type ErrorCode } from '../../lib/errors.ts';
import type { HostPort } from '../../lib/host-port.ts';
import type { Log } from '../../lib/log.ts';
import { type ControlPlane, type ControlPlanes, nameOf } from './control-planes.ts';

/** A control plane that reports one of these may not be the right one, or not itself. */
const elsewhere: ReadonlySet<ErrorCode> = new Set(['unavailable', 'deadline_exceeded', 'internal', 'unauthenticated']);

/**
 * The one that did it is in use from then on. Throws the refusal; if none could do it, the reason of one that may recover, otherwise of the
 * first.
 */
export async function firstThatAnswers<T>(
  servers: ControlPlanes,
  attempt: (identity: HostPort, of: number) => Promise<T>,
  { log, signal }: { readonly log: Log; readonly signal?: AbortSignal | undefined },
): Promise<T> {
  const order = servers.order();
  const failures: CellwallError[] = [];
  for (const one of order) {
    try {
      const done = await attempt(one.identity, order.length);
      servers.use(one);
      return done;
    } catch (cause) {
      const reason = CellwallError.from(cause);
      if (!elsewhere.has(reason.code) || order.length === 1 || signal?.aborted === true) throw reason;
      failures.push(reason);
      if (servers.failed(one, reason.message)) tell(one, reason, log);
    }
  }
  const [first] = failures;
  throw failures.find(({ code }) => code !== 'unauthenticated') ?? first ?? new CellwallError('internal', 'no server');
}

function tell(one: ControlPlane, { code, message, hint }: CellwallError, log: Log): void {
  const fields = { server: nameOf(one), reason: message, ...defined({ hint }) };
  if (code === 'unauthenticated')
    log.error(fields, 'this is not a control plane of the trust domain, or it refuses this host: skipped');
  else log.warn(fields, 'this control plane does not answer: trying the next');
}
