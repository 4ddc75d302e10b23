// A reason of the gate: why a service should not become strict yet, or something that is only reported.

export interface CutOverReason {
  readonly service: string;
  /** Which of its ports, if that has a name. */
  readonly port?: string;
  /**
   * `record`: not everything that happened in the window is known. `caller`: would be denied. `handshake`: could not connect by TLS.
   * `shadow`: a shadow policy would deny it. `client-half`: a caller's proxy does not call over mTLS yet. `application`: reachable around
   * its sidecar. `endpoint`: named by the Service, but none of its proxies answers there.
   */
  readonly kind: 'record' | 'caller' | 'handshake' | 'shadow' | 'client-half' | 'application' | 'endpoint';
  /** Caller, proxy or address. */
  readonly who: string;
  readonly why: string;
  readonly count?: number;
  /** Epoch milliseconds. */
  readonly lastSeen?: number;
  /** About a peer that proved nothing about itself: an operator who knows the address may disregard it (dismiss.ts). */
  readonly address?: string;
  /**
   * Reported, but does not block: the caller has blocked for as long as anybody may, an operator disregarded it, or it cannot be determined
   * from here.
   */
  readonly warning?: true;
}

/** Whether it blocks the change: warnings are reported, and let it pass. */
export const refuses = ({ warning }: Pick<CutOverReason, 'warning'>): boolean => warning !== true;
