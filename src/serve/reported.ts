// What helpers say of their hosts and proxies with each report, kept for as long as a proxy is known.
import type { Clock } from '../lib/clock.ts';
import type { Log } from '../lib/log.ts';
import { type ClockOffsets, createClockOffsets } from '../registry/clock-offsets.ts';
import { createShownCertificates, type ShownCertificates } from '../registry/shown-certificates.ts';

export interface Reported {
  readonly offsets: ClockOffsets;
  readonly shown: ShownCertificates;
  forget(node: string): void;
}

export function createReported(clock: Clock, log: Log): Reported {
  const offsets = createClockOffsets({ clock, log });
  const shown = createShownCertificates();
  return {
    offsets,
    shown,
    forget(node) {
      offsets.forget(node);
      shown.forget(node);
    },
  };
}
