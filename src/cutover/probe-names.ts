// By what this control plane's own probes are known when proxies tell of them, so that the record does not take them for callers: a server
// name of TLS, each once; in plaintext the port that they came from. For two minutes, and for what came without a certificate alone:
// whoever read such a name on the way hides no call of an identity by it.
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
