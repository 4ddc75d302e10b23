// Metrics about the CA and the control plane's own certificates: when each ends, and whether the rotation of the root is held up. Read at
// every scrape.
import { Gauge, type Registry } from 'prom-client';
import { type Countdown, type CountdownKind, caKinds } from '../lib/countdown.ts';

export interface CaFigures {
  readonly countdowns: readonly Countdown[];
  /** Of the root. `since`: epoch milliseconds at which its phase began. Absent: none is under way. */
  readonly rotation?: { readonly since: number; readonly held: number };
}

const cas: ReadonlySet<CountdownKind> = new Set(caKinds);

/** `now`: epoch milliseconds. */
export function exportCa(registry: Registry, read: () => CaFigures, now: () => number): void {
  const registers = [registry];
  const labelNames = ['kind', 'name'];
  const gauge = (name: string, help: string, isCa: boolean, ms: (one: Countdown) => number): void =>
    void new Gauge({
      ...{ name, help, labelNames, registers },
      collect() {
        this.reset();
        for (const one of read().countdowns)
          if (cas.has(one.kind) === isCa) this.set({ kind: one.kind, name: one.name }, ms(one) / 1000);
      },
    });
  const left = ({ notAfter }: Countdown): number => notAfter - now();
  const life = ({ notBefore, notAfter }: Countdown): number => notAfter - notBefore;
  gauge(
    'cellwall_ca_expires_in_seconds',
    'Time until a CA certificate ends, by kind and name; negative after its end.',
    true,
    left,
  );
  gauge('cellwall_ca_lifetime_seconds', 'How long a CA certificate lasts in all, by kind and name.', true, life);
  gauge(
    'cellwall_certificate_expires_in_seconds',
    'Time until a certificate of the control plane itself ends, by the port that has it; negative after its end.',
    false,
    left,
  );
  gauge(
    'cellwall_certificate_lifetime_seconds',
    'How long a certificate of the control plane itself lasts in all, by the port that has it.',
    false,
    life,
  );
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
