// TLS towards Redis, from files. They are read again for every connection, so that a certificate may be renewed without a restart; while
// a file cannot be read, what it last contained is used.
import { readFileSync } from 'node:fs';
import { defined } from '../../lib/defined.ts';
import { CellwallError } from '../../lib/errors.ts';
import { Redacted } from '../../lib/redacted.ts';

/** As they are at the moment of the call. */
export interface RedisTls {
  /** PEM. Absent: the system's roots. */
  readonly ca?: () => Buffer;
  readonly cert?: () => Buffer;
  readonly key?: () => Redacted<Buffer>;
  /** Absent: the host's name. */
  readonly servername?: string;
}

export interface TlsFiles {
  /** The address says so. */
  readonly wanted: boolean;
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly name?: string;
}

/** Undefined: no TLS. Throws `invalid_argument` if a file cannot be read now. */
export function readTls({ wanted, ca, cert, key, name }: TlsFiles): RedisTls | undefined {
  if (!wanted) {
    if ((ca ?? cert ?? key ?? name) === undefined) return undefined;
    throw new CellwallError('invalid_argument', 'the store "redis": tls-… options, but the address is without TLS', {
      hint: 'rediss:// in place of redis://',
    });
  }
  if ((cert === undefined) !== (key === undefined)) {
    throw new CellwallError('invalid_argument', 'the store "redis": tls-cert-file and tls-key-file belong together');
  }
  const secret = key === undefined ? undefined : again(key);
  return defined({
    ca: ca === undefined ? undefined : again(ca),
    cert: cert === undefined ? undefined : again(cert),
    key: secret === undefined ? undefined : () => new Redacted(secret()),
    servername: name,
  });
}

function again(file: string): () => Buffer {
  let last = read(file);
  return () => {
    try {
      last = read(file);
    } catch {
      // Being replaced, perhaps; if it has expired meanwhile, the server says so.
    }
    return last;
  };
}

function read(file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (cause) {
    throw new CellwallError('invalid_argument', `cannot read ${file}: ${CellwallError.from(cause).message}`, { cause });
  }
}
