// A port on which Envoy cannot listen, as a sidecar's helper reports it.

export interface TakenPort {
  readonly address: string;
  readonly port: number;
  /** As in "pid 123 (python3)": partly another program's text. */
  readonly holder: string;
}

export const maxTakenPorts = 16;
export const maxHolder = 100;
