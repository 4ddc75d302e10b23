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
  /** Why it is not sent what is in force. */
  readonly withheld?: string;
}

/** What is sent and accepted within it is not worth a series. */
const leastMs = 10_000;
/** Proxies with a series of their own: those that wait longest. Their names are partly their own choice. */
const [mostProxies, longestName] = [100, 300];

/** Ages by which proxies are counted. */
const ages = { '10s': 10_000, '1m': 60_000, '10m': 600_000 } as const;

export function exportProxies(registry: Registry, ask: () => readonly ProxyFigures[], now: () => number): void {
  const registers = [registry];
  const read = onceAScrape(ask);
  const behind = onceAScrape((): readonly { readonly node: string; readonly ms: number }[] => {
    const at = now();
    return read().flatMap(({ node, state, types }) => {
      if (state !== 'connected') return [];
      const ms = Math.max(0, ...types.map(({ behindSince = at }) => at - behindSince));
      return ms === 0 ? [] : [{ node, ms }];
    });
  });
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
      const late = behind().filter(({ ms }) => ms >= leastMs);
      const longest = late.toSorted((a, b) => b.ms - a.ms).slice(0, mostProxies);
      for (const { node, ms } of longest) this.set({ proxy: clip(node, longestName) }, ms / 1000);
    },
  });
  new Gauge({
    name: 'cellwall_proxy_config_age_max_seconds',
    help: 'The longest time since a connected proxy was sent what it has not accepted; 0: all have accepted everything.',
    registers,
    collect() {
      this.set(behind().reduce((most, { ms }) => Math.max(most, ms), 0) / 1000);
    },
  });
  new Gauge({
    name: 'cellwall_proxies_behind',
    help: 'Connected proxies that were sent something so long ago, or longer, and have not accepted it.',
    labelNames: ['age'],
    registers,
    collect() {
      for (const [age, least] of Object.entries(ages))
        this.set({ age }, behind().filter(({ ms }) => ms >= least).length);
    },
  });
  new Gauge({
    name: 'cellwall_proxies_withheld',
    help: 'Connected proxies that are not sent what is in force, as it would be dangerous or cannot be translated.',
    registers,
    collect() {
      this.set(read().filter(({ state, withheld }) => state === 'connected' && withheld !== undefined).length);
    },
  });
}

/** A scrape asks for all metrics before anything else is done. */
function onceAScrape<T>(ask: () => T): () => T {
  let known: { readonly value: T } | undefined;
  return () => {
    known ??= { value: ask() };
    queueMicrotask(() => {
      known = undefined;
    });
    return known.value;
  };
}
