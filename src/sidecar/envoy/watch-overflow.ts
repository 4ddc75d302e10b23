// Connections that Envoy refused because the limit on open files was reached: callers see a closed connection, so the log says why.
import type { Clock } from '../../lib/clock.ts';
import type { Log } from '../../lib/log.ts';
import type { AdminAddress } from './bootstrap.ts';
import { readStats } from './read-stats.ts';

export interface WatchOverflowOptions {
  readonly admin: () => AdminAddress | undefined;
  readonly maxConnections: number;
  readonly clock: Clock;
  readonly log: Log;
}

const everyMs = 10_000;
const query = `/stats?filter=${encodeURIComponent('(downstream_global_cx_overflow|inbound.upstream_cx_overflow)$')}`;

export function watchOverflow({ admin, maxConnections, clock, log }: WatchOverflowOptions): { close(): void } {
  let before = 0;
  let closed = false;
  let cancel = clock.after(everyMs, () => void turn());

  async function turn(): Promise<void> {
    const address = admin();
    const text = address === undefined ? '' : await readStats(address, query).catch(() => '');
    const refused = text.split('\n').reduce((sum, line) => sum + Number(/: (\d+)$/.exec(line)?.[1] ?? 0), 0);
    if (refused > before) {
      const hint = 'raise the limit on open files: ulimit -n, LimitNOFILE=';
      log.error(
        { refused: refused - before, maxConnections, hint },
        'Envoy refused connections: too few files may be open',
      );
    }
    before = Math.max(before, refused);
    if (!closed) cancel = clock.after(everyMs, () => void turn());
  }

  return {
    close() {
      closed = true;
      cancel();
    },
  };
}
