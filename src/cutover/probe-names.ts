// How this control plane recognises its own probes in the reports of proxies, so that the record does not count them as callers: by a
// unique TLS server name, and in plaintext by the source port. Only for two minutes, and only for connections without a certificate:
// whoever learned such a name on the way cannot use it to hide calls made with an identity.
import { randomBytes } from 'node:crypto';
import type { Clock } from '../lib/clock.ts';

export interface ProbeNames {
  /** A new server name. */
  next(): string;
  camePlain(port: number): void;
  isName(serverName: string): boolean;
  isPort(port: number): boolean;
}

const keptMs = 120_000;

export function createProbeNames(clock: Pick<Clock, 'monotonic'>): ProbeNames {
  const names = createRecent<string>(clock);
  const ports = createRecent<number>(clock);
  return {
    next() {
      const name = `probe-${randomBytes(16).toString('hex')}.cellwall.invalid`;
      names.add(name);
      return name;
    },
    camePlain: ports.add,
    isName: names.has,
    isPort: ports.has,
  };
}

function createRecent<T>(clock: Pick<Clock, 'monotonic'>) {
  // Oldest first.
  const all = new Map<T, number>();
  const forget = (): void => {
    for (const [one, at] of all) {
      if (clock.monotonic() - at < keptMs) return;
      all.delete(one);
    }
  };
  return {
    add(one: T): void {
      forget();
      all.delete(one);
      all.set(one, clock.monotonic());
    },
    has(one: T): boolean {
      forget();
      return all.has(one);
    },
  };
}
