// A reason of the gate: why a service should not become strict yet, or what is only told about it.

export interface CutOverReason {
  readonly service: string;
  /** Which of its ports, where that has a name of its own. */
  readonly port?: string;
  /**
   * `record`: what happened in the window is not all known. `caller`: who would be denied. `handshake`: who could not come in by TLS.
   * `shadow`: who a shadow policy would deny. `client-half`: a caller's proxy does not call over mTLS yet. `application`: reachable
   * around its sidecar. `endpoint`: named by the Service, and no proxy of it answers there.
   */
  readonly kind: 'record' | 'caller' | 'handshake' | 'shadow' | 'client-half' | 'application' | 'endpoint';
  /** Caller, proxy or address. */
  readonly who: string;
  readonly why: string;
  readonly count?: number;
  /** Epoch milliseconds. */
  readonly lastSeen?: number;
  /** Of somebody who proved nothing of himself: an operator who knows the address may pass it over (dismiss.ts). */
  readonly address?: string;
  /**
   * It is told and refuses nothing: who is behind it has held for as long as anybody may, was passed over by an operator, or nobody can
   * know it from here.
   */
  readonly warning?: true;
}

export const refuses = ({ warning }: Pick<CutOverReason, 'warning'>): boolean => warning !== true;
