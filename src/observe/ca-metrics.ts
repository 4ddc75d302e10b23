// Metrics about the CA: when each of its certificates ends, and whether the rotation of the root is held up. Read at every scrape.
import { Gauge, type Registry } from 'prom-client';

export interface CaFigures {
  readonly authorities: readonly {
    /** `intermediate`: signs here. `root`: of our own CA. `extra`: added to it. `legacy`: of a document. */
    readonly kind: 'intermediate' | 'root' | 'extra' | 'legacy';
    readonly name: string;
    /** Epoch milliseconds. */
    readonly notAfter: number;
  }[];
  /** Of the root. `since`: epoch milliseconds at which its phase began. Absent: none is under way. */
  readonly rotation?: { readonly since: number; readonly held: number };
}

/** `now`: epoch milliseconds. */
export function exportCa(registry: Registry, read: () => CaFigures, now: () => number): void {
  const registers = [registry];
  new Gauge({
    name: 'cellwall_ca_expires_in_seconds',
    help: 'Time until a CA certificate ends, by kind and name; negative after its end.',
    labelNames: ['kind', 'name'],
    registers,
    collect() {
      this.reset();
      for (const { kind, name, notAfter } of read().authorities) this.set({ kind, name }, (notAfter - now()) / 1000);
    },
  });
  new Gauge({
    name: 'cellwall_root_rotation_phase_seconds',
    help: 'How long the rotation of the root has been in its phase; 0 while none is under way.',
    registers,
    collect() {
      const { rotation } = read();
      this.set(rotation === undefined ? 0 : (now() - rotation.since) / 1000);
    },
  });
  new Gauge({
    name: 'cellwall_root_rotation_held_up_by',
    help: 'How many proxies, hosts, certificates and places hold up the phase of the rotation of the root.',
    registers,
    collect() {
      this.set(read().rotation?.held ?? 0);
    },
  });
}
