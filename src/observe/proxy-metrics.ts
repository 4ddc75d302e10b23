// What is exported of proxies: how many there are, and which of them have not accepted what they were sent. Read when somebody scrapes.
import { Gauge, type Registry } from 'prom-client';
import { clip } from '../lib/clip.ts';

export interface ProxyFigures {
  readonly node: string;
  readonly state: 'connected' | 'held' | 'gone';
  /** What it serves with; `notAfter`: epoch milliseconds. Absent: it is not known. */
  readonly certificate?: { readonly notAfter: number };
  /** One for each type; `behindSince`: epoch milliseconds. */
  readonly types: readonly { readonly behindSince?: number; readonly nack?: object }[];
}

/** What is sent and accepted within it is not worth a series. */
const leastMs = 10_000;
/** Proxies with a series of their own: those that wait longest. Their names are partly their own choice. */
const [mostProxies, longestName] = [100, 300];

export function exportProxies(registry: Registry, read: () => readonly ProxyFigures[], now: () => number): void {
  const registers = [registry];
  new Gauge({
    name: 'cellwall_proxies',
    help: 'Proxies, by state: connected, or held for a while after they disappeared.',
    labelNames: ['state'],
    registers,
    collect() {
      const proxies = read();
      for (const state of ['connected', 'held']) {
        this.set({ state }, proxies.filter((one) => one.state === state).length);
      }
    },
  });
  new Gauge({
    name: 'cellwall_proxies_rejecting',
    help: 'Connected proxies that rejected something, and have not accepted a later version of it.',
    registers,
    collect() {
      const rejects = ({ state, types }: ProxyFigures) =>
        state === 'connected' && types.some(({ nack }) => nack !== undefined);
      this.set(read().filter(rejects).length);
    },
  });
  new Gauge({
    name: 'cellwall_proxy_certificate_expires_in_seconds',
    help: 'Time until the certificate of a connected proxy ends, of that whose ends first; negative after its end.',
    registers,
    collect() {
      this.reset();
      const ends = read().flatMap(({ state, certificate }) =>
        state === 'connected' && certificate !== undefined ? [certificate.notAfter] : [],
      );
      if (ends.length > 0) this.set((ends.reduce((first, one) => Math.min(first, one)) - now()) / 1000);
      else this.remove();
    },
  });
  new Gauge({
    name: 'cellwall_proxy_config_age_seconds',
    help: 'Time since a connected proxy was sent what it has not accepted; the longest hundred, above ten seconds.',
    labelNames: ['proxy'],
    registers,
    collect() {
      this.reset();
      const at = now();
      const behind = read().flatMap(({ node, state, types }) => {
        if (state !== 'connected') return [];
        const ms = Math.max(0, ...types.map(({ behindSince = at }) => at - behindSince));
        return ms < leastMs ? [] : [{ node, ms }];
      });
      const longest = behind.toSorted((a, b) => b.ms - a.ms).slice(0, mostProxies);
      for (const { node, ms } of longest) this.set({ proxy: clip(node, longestName) }, ms / 1000);
    },
  });
}
