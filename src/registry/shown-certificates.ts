// Which certificate each proxy shows its peers, by its helper's reports, where the helper keeps its key: only Envoy knows whether it has
// read the file that was replaced.

/** Of a certificate: serial (hex) and end, epoch milliseconds. */
export interface ShownCertificate {
  readonly serial: string;
  readonly notAfter: number;
}

export interface ShownCertificates {
  told(node: string, certificate: ShownCertificate): void;
  /** Undefined: its helper has not said since this control plane started. */
  of(node: string): ShownCertificate | undefined;
  forget(node: string): void;
}

export function createShownCertificates(): ShownCertificates {
  const shown = new Map<string, ShownCertificate>();
  return {
    told: (node, certificate) => void shown.set(node, certificate),
    of: (node) => shown.get(node),
    forget: (node) => void shown.delete(node),
  };
}
