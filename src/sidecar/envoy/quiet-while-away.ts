// While the control plane is down, Envoy retries every second, and logs each attempt. The first lines say what is wrong; then its component
// `config` is silenced, until the stream is back. It is not silenced otherwise, because that is where it says which configuration it
// rejects: it gets none while the control plane is down.
import type { Clock } from '../../lib/clock.ts';
import type { Log } from '../../lib/log.ts';
import type { AdminAddress } from './bootstrap.ts';
import { readStats } from './read-stats.ts';

export interface QuietWhileAwayOptions {
  readonly admin: () => AdminAddress | undefined;
  /** Envoy's own log level. */
  readonly level: string;
  readonly clock: Clock;
  readonly log: Log;
}

const lookMs = 3000;
const noisyLevels: readonly string[] = ['info', 'warning'];

/** `close` leaves Envoy's log level as it is. */
export function quietWhileAway({ admin, level, clock, log }: QuietWhileAwayOptions): { close(): void } {
  let closed = false;
  let away = false;
  let told = false;
  let cancel = plan();

  function plan(): () => void {
    return clock.after(lookMs, () => {
      // An Envoy that does not answer is checked again.
      void look()
        .catch(() => {})
        .then(() => {
          if (!closed) cancel = plan();
        });
    });
  }

  async function look(): Promise<void> {
    const address = admin();
    if (address === undefined) return;
    // Of the cluster `cellwall`: not control_plane.connected_state, which is also 1 while Envoy is only trying to connect.
    const streams = /: (\d+)$/m.exec(
      await readStats(address, '/stats?filter=^cluster.cellwall.upstream_rq_active$'),
    )?.[1];
    if (streams === undefined || closed) return;
    if ((streams === '0') === away) return tell();
    // Whoever requested more, or less, gets that.
    const quiet = streams === '0' ? 'error' : level;
    if (noisyLevels.includes(level)) await readStats(address, `/logging?config=${quiet}`, 'POST');
    away = streams === '0';
  }

  /** Once two checks agree: a stream that is refused repeatedly exists for moments. */
  function tell(): void {
    if (told === away) return;
    told = away;
    if (away) {
      log.warn({}, 'no stream to the control plane: Envoy continues with what it has, and retries every second');
    } else log.info({}, 'the stream to the control plane is back');
  }

  return {
    close() {
      closed = true;
      cancel();
    },
  };
}
