// A certificate and its key in files that somebody else renews: read at the start, and looked at again and again.
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Clock } from '../lib/clock.ts';
import type { Countdown, CountdownKind } from '../lib/countdown.ts';
import { CellwallError } from '../lib/errors.ts';
import type { Log } from '../lib/log.ts';
import { Redacted } from '../lib/redacted.ts';

/** PEM. */
export interface TlsPair {
  readonly certificate: string;
  readonly key: Redacted<string>;
}

export interface TlsFilesParts {
  readonly files: { readonly certificate: string; readonly key: string };
  /** Which port has them, as in "the admin port". */
  readonly port: string;
  /** What to do about unusable ones. */
  readonly hint: string;
  readonly clock: Clock;
  readonly log: Log;
}

export interface TlsFiles {
  /** As first read. */
  readonly first: TlsPair;
  /** Of what is in force. */
  countdowns(kind: CountdownKind): readonly Countdown[];
  /** The returned function ends it. */
  watch(changed: (pair: TlsPair) => void): () => void;
}

const lookMs = 60_000;

/** Throws `failed_precondition` for files that cannot be read, or are not of one pair; later, those of before stay. */
export function openTlsFiles({ files, port, hint, clock, log }: TlsFilesParts): TlsFiles {
  const first = readPair(files, hint);
  let current = first;
  return {
    first,
    countdowns(kind) {
      const { validFromDate, validToDate } = new X509Certificate(current.certificate);
      const name = files.certificate;
      return [{ kind, name, notBefore: validFromDate.getTime(), notAfter: validToDate.getTime() }];
    },
    watch(changed) {
      let cancel = (): void => undefined;
      const look = (): void => {
        cancel = clock.after(lookMs, () => {
          try {
            const found = readPair(files, hint);
            if (found.certificate !== current.certificate) {
              changed(found);
              current = found;
              log.info({ certificate: files.certificate }, `${port} has a new certificate`);
            }
          } catch (reason) {
            log.error({ reason: CellwallError.from(reason).message }, `${port} keeps its old certificate`);
          }
          look();
        });
      };
      look();
      return () => cancel();
    },
  };
}

/** Both are read before either is used: if only one of them is new, they do not match. */
function readPair({ certificate, key }: TlsFilesParts['files'], hint: string): TlsPair {
  const unusable = (why: string, cause?: unknown): CellwallError =>
    new CellwallError('failed_precondition', `the certificate ${certificate} and the key ${key} ${why}`, {
      hint,
      cause,
    });
  try {
    const [chain, secret] = [readFileSync(certificate, 'utf8'), readFileSync(key, 'utf8')];
    if (new X509Certificate(chain).checkPrivateKey(createPrivateKey(secret))) {
      return { certificate: chain, key: new Redacted(secret) };
    }
  } catch (cause) {
    throw unusable('cannot be read', cause);
  }
  throw unusable('are not of one pair');
}
