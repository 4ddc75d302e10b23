// A connection to the identity API over mTLS, with an SVID.
import type { KeyObject } from 'node:crypto';
import { connect, createSecureContext, type SecureContext, type TLSSocket } from 'node:tls';
import { uriSans } from '../identity/x509/uri-sans.ts';
import { CellwallError } from '../lib/errors.ts';
import { serverUriOf } from './server-uri.ts';

export interface OwnSvid {
  /** PEM, leaf first. */
  readonly chain: string;
  readonly key: KeyObject;
  /** PEM of the roots. */
  readonly bundle: string;
}

/** Created once per SVID: created for every connection, they would pile up outside the heap, where they cause no garbage collection. */
const contexts = new WeakMap<OwnSvid, SecureContext>();

function contextOf(svid: OwnSvid): SecureContext {
  const known = contexts.get(svid);
  if (known !== undefined) return known;
  const { chain, key, bundle } = svid;
  const made = createSecureContext({
    ca: bundle,
    cert: chain,
    key: key.export({ format: 'pem', type: 'pkcs8' }),
    minVersion: 'TLSv1.3',
  });
  contexts.set(svid, made);
  return made;
}

/** `error` and `secureConnect` report the result. The server is the control plane of the SVID's trust domain, or it is an error. */
export function connectAs(svid: OwnSvid, { host, port }: { readonly host: string; readonly port: number }): TLSSocket {
  const expected = serverUriOf(svid.chain);
  return connect({
    host,
    port,
    secureContext: contextOf(svid),
    checkServerIdentity: (_name: string, { raw }: { readonly raw: Buffer }) => {
      const names = uriSans(raw);
      return names.length === 1 && names[0] === expected
        ? undefined
        : new CellwallError('unauthenticated', `the server is not ${expected}`);
    },
  });
}
