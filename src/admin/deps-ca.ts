// What the admin API shows and does about the roots of the CA. Times are epoch milliseconds.
import type { CaAnswer } from './wire-ca.ts';

export interface RootsAdmin {
  status(): CaAnswer;
  /** Begins; throws `failed_precondition` while another one is under way, or if the root is not replaced here. */
  rotate(request: {
    readonly by: string;
    readonly reason?: string;
    readonly quietMs: number;
    readonly compromised?: true;
  }): Promise<CaAnswer>;
  /** Throws `failed_precondition` once there is no way back. */
  abort(): Promise<CaAnswer>;
}
