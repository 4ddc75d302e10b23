// Orders to helpers about what their Envoys log: each goes out with the answer that the helper waits for anyway, and is done when the
// helper says so.
import { randomBytes } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { createBudget } from '../lib/budget.ts';
import { clip } from '../lib/clip.ts';
import type { Clock } from '../lib/clock.ts';
import { CellwallError } from '../lib/errors.ts';
import { isInstance } from '../lib/node-id.ts';
import type { BundleWaiters } from './bundle-waiters.ts';
import type { Peer } from './identity-of.ts';
import type { LogLevelsOrder, LogLevelsReport } from './log-levels-order.ts';
import { readBody, recordOf, textOf } from './read-body.ts';
import type { Take } from './receivers.ts';

export interface LogLevelOrders {
  /**
   * To the helper with that node key. Resolves with how many loggers have another level, once it says so. Throws what it says, and
   * `unavailable` if it says nothing in time.
   */
  order(holder: string, order: Omit<LogLevelsOrder, 'id'>): Promise<number>;
  readonly take: Take;
}

interface Open {
  readonly holder: string;
  done(loggers: number, failed: string | undefined): void;
}

/** A helper that heard something asks again within seconds. */
const patienceMs = 12_000;
const maxOpen = 256;
/** Per host: one for each order. */
const pace = { burst: 60, everyMs: 1000 };

export function createLogLevelOrders(
  waiters: Pick<BundleWaiters, 'order'>,
  clock: Pick<Clock, 'monotonic'>,
  waitMs = patienceMs,
): LogLevelOrders {
  const open = new Map<string, Open>();
  const budget = createBudget({ clock, ...pace });
  return {
    order(holder, order) {
      if (open.size >= maxOpen) {
        throw new CellwallError('resource_exhausted', 'too many log levels are being set', {
          hint: 'try again in a moment',
        });
      }
      const id = randomBytes(8).toString('hex');
      return new Promise((resolve, reject) => {
        const withdraw = waiters.order(holder, { id, ...order });
        const end = (): void => {
          clearTimeout(timer);
          open.delete(id);
          withdraw();
        };
        const timer = setTimeout(() => {
          end();
          reject(
            new CellwallError('unavailable', `its helper did not say within ${waitMs / 1000} s that it is done`, {
              hint: 'is it of this version, and running? it may still come to pass: its log says so, and it ends by itself',
            }),
          );
        }, waitMs);
        open.set(id, {
          holder,
          done(loggers, failed) {
            end();
            if (failed === undefined) resolve(loggers);
            else reject(new CellwallError('failed_precondition', failed));
          },
        });
      });
    },
    async take(request: IncomingMessage, { nodeKey, spiffeId }: Peer) {
      const { id, loggers, failed } = readLogLevelsReport(await readBody(request));
      if (budget.spend(nodeKey ?? spiffeId) > 0)
        throw new CellwallError('resource_exhausted', 'log levels are reported too often');
      const found = open.get(id);
      // Its number is known to that helper alone; still, nobody speaks for another. One that comes late is nobody's fault.
      if (found?.holder === nodeKey) found?.done(loggers, failed === undefined ? undefined : clip(failed, 2000));
    },
  };
}

/** Throws `invalid_argument`. */
export function readLogLevelsReport(body: Readonly<Record<string, unknown>>): LogLevelsReport {
  const [instance, run, id] = [textOf(body, 'instance'), textOf(body, 'run'), textOf(body, 'id')];
  if (!isInstance(instance)) throw wrong('instance');
  if (!/^[a-z0-9]{1,64}$/.test(run)) throw wrong('run');
  if (!/^[0-9a-f]{1,64}$/.test(id)) throw wrong('id');
  const { loggers, failed } = recordOf(body);
  if (typeof loggers !== 'number' || !Number.isSafeInteger(loggers) || loggers < 0) throw wrong('loggers');
  if (failed === undefined) return { instance, run, id, loggers };
  if (typeof failed !== 'string' || failed.length > 2000) throw wrong('failed');
  return { instance, run, id, loggers, failed };
}

function wrong(name: string): CellwallError {
  return new CellwallError('invalid_argument', `"${name}" is not what a report of log levels has there`);
}
