// What is exported of the store: read when somebody scrapes.
import { Gauge, type Registry } from 'prom-client';

export function exportStore(
  registry: Registry,
  trouble: () => { readonly kind: 'away' | 'read-only' } | undefined,
): void {
  const registers = [registry];
  new Gauge({
    name: 'cellwall_store_stale',
    help: '1 while the store is away: what is in force is the last good state, and changes are refused.',
    registers,
    collect() {
      this.set(trouble()?.kind === 'away' ? 1 : 0);
    },
  });
  new Gauge({
    name: 'cellwall_store_read_only',
    help: '1 while the store takes no writes: what is in force is up to date, and changes are refused.',
    registers,
    collect() {
      this.set(trouble()?.kind === 'read-only' ? 1 : 0);
    },
  });
}
