// With which key exchange group connections to a service were made, from Envoy's counters of its inbound listeners: access logs do not tell
// (Envoy 1.40). Shows how much of a mesh's traffic is safe from whoever records it for a quantum computer.
import type { RecordedSignals } from '../signals/recorded-signals.ts';

export interface TlsGroups {
  connected(node: string, service: string): void;
  /** Counts since the start of its Envoy; `epoch` differs between starts. */
  told(node: string, epoch: string, groups: Readonly<Record<string, number>>): void;
  forget(node: string): void;
}

interface Known {
  readonly service: string;
  epoch?: string;
  groups: Readonly<Record<string, number>>;
}

export function createTlsGroups(signals: Pick<RecordedSignals, 'record'>): TlsGroups {
  const nodes = new Map<string, Known>();
  return {
    connected(node, service) {
      const { epoch, groups = {} } = nodes.get(node) ?? {};
      nodes.set(node, { service, groups, ...(epoch === undefined ? {} : { epoch }) });
    },
    told(node, epoch, groups) {
      const known = nodes.get(node);
      if (known === undefined) return;
      // What it counted before this control plane heard of it belongs to times that are over.
      const before = known.epoch === undefined ? groups : known.epoch === epoch ? known.groups : {};
      known.epoch = epoch;
      known.groups = groups;
      for (const [group, count] of Object.entries(groups)) {
        const more = count - (before[group] ?? 0);
        if (more <= 0) continue;
        signals.record(
          { side: 'listener', service: known.service },
          {
            ...{ facts: { status: 0, flags: [], tls: group }, decision: 'allowed', count: more },
            ...{ took: [], received: 0, sent: 0 },
          },
        );
      }
    },
    forget: (node) => void nodes.delete(node),
  };
}
