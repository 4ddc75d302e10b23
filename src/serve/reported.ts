// What helpers say of their hosts and proxies with each report, kept for as long as a proxy is known.
import type { Clock } from '../lib/clock.ts';
import { defined } from '../lib/defined.ts';
import type { Log } from '../lib/log.ts';
import { type ClockOffsets, createClockOffsets } from '../registry/clock-offsets.ts';
import type { ProxyStatus } from '../registry/proxy-status.ts';
import { createShownCertificates, type ShownCertificates } from '../registry/shown-certificates.ts';

export interface Reported {
  readonly offsets: ClockOffsets;
  readonly shown: ShownCertificates;
  /** With what is known of its host. */
  also(proxy: ProxyStatus): ProxyStatus;
  forget(node: string): void;
}

export function createReported(clock: Clock, log: Log): Reported {
  const offsets = createClockOffsets({ clock, log });
  const shown = createShownCertificates();
  return {
    offsets,
    shown,
    also: (proxy) => ({ ...proxy, ...defined({ clockOffsetMs: offsets.of(proxy.node) }) }),
    forget(node) {
      offsets.forget(node);
      shown.forget(node);
    },
  };
}
