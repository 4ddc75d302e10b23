// What answered at an endpoint, and what to do, as text for people.
import type { EndpointAnswer } from './probe-endpoint.ts';

export interface EndpointWords {
  readonly what: string;
  readonly toDo: string;
  /**
   * `fine` for a service in that mode; `open`: callers can connect that its proxy would not admit; `unknown`: it could not be determined.
   */
  readonly strict: 'fine' | 'open' | 'unknown';
  readonly permissive: 'fine' | 'open' | 'unknown';
}

const sidecar = 'start a sidecar there and name its port, or leave the endpoint out of the Service';
const alike = <S extends 'fine' | 'open' | 'unknown'>(state: S) => ({ strict: state, permissive: state });

/** Text for people, and what each answer means for a service, by its mode. */
export const endpointWords: Readonly<Record<EndpointAnswer, EndpointWords>> = {
  mtls: { what: "the service's proxy: mTLS required", toDo: '-', ...alike('fine') },
  'own-tls': {
    what: "the service's proxy: takes TLS without a client certificate",
    toDo: 'connect that proxy to this control plane, or have it require certificates',
    strict: 'open',
    permissive: 'fine',
  },
  tls: { what: 'TLS without a client certificate, not of this service', toDo: sidecar, ...alike('open') },
  'other-mtls': {
    what: 'TLS that refuses callers without a certificate, but shows no valid certificate of this service',
    toDo: `callers' proxies refuse it: ${sidecar}`,
    ...alike('open'),
  },
  plaintext: { what: 'plaintext', toDo: sidecar, ...alike('open') },
  silent: { what: 'takes connections, speaks no TLS', toDo: sidecar, ...alike('open') },
  nothing: {
    what: 'nothing: no connection from the control plane',
    toDo: 'start it; behind a firewall, check it from a host of its callers',
    ...alike('unknown'),
  },
};
