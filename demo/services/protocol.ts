// What the demo and the process of its stand-ins say to each other over IPC.
import type { Outcome } from '../wire/outcome.ts';

/** The applications, by the service's port that each is. */
export const applications = [
  'topology-service:grpc',
  'topology-service:rest',
  'gitlab-shell',
  'cell-1/gitlab',
  'cell-1/gitaly',
  'cell-1/registry',
  'cell-2/gitlab',
  'cell-2/gitaly',
] as const;

export type Application = (typeof applications)[number];

/** A call that an application makes, to an address that its configuration names. */
export type Call =
  | { readonly kind: 'grpc'; readonly address: string; readonly method: string; readonly request: object }
  | {
      readonly kind: 'http1';
      readonly address: string;
      readonly method: string;
      readonly path: string;
      readonly json?: object;
    }
  | { readonly kind: 'http2'; readonly address: string; readonly method: string; readonly path: string }
  /** A request whose body the application does not read before it answers. */
  | {
      readonly kind: 'upload';
      readonly address: string;
      readonly method: 'POST';
      readonly path: string;
      readonly bytes: number;
    }
  | { readonly kind: 'sidechannel'; readonly address: string }
  | { readonly kind: 'valkey'; readonly address: string };

/** From the demo. */
export interface CallMessage {
  readonly id: number;
  readonly call: Call;
}

/** To the demo. */
export type ServicesMessage =
  | { readonly kind: 'listening'; readonly ports: Readonly<Record<Application, number>> }
  | { readonly kind: 'outcome'; readonly id: number; readonly outcome: Outcome };

/** From a worker that is stopped together with its sidecar. */
export type WorkerMessage =
  | { readonly kind: 'working' }
  | {
      readonly kind: 'finished';
      /** Calls that were answered after it was told to stop. */
      readonly afterStop: number;
      readonly failures: readonly string[];
    };
