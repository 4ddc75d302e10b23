// What our own bundle endpoint answers: the roots and the keys of JWT-SVIDs, with a sequence that is higher after every change of either,
// also over restarts.
import { existsSync, readFileSync } from 'node:fs';
import type { Clock } from '../../lib/clock.ts';
import { CellwallError } from '../../lib/errors.ts';
import type { Log } from '../../lib/log.ts';
import type { Watchable } from '../../lib/watchable.ts';
import type { JwtKeys } from '../jwt/jwt-keys.ts';
import { writeSecretFile } from '../secret-file.ts';
import { formatSpiffeBundle } from '../spiffe-bundle.ts';
import type { TrustBundle } from '../trust-bundle.ts';
import { sha256 } from '../x509/fingerprint.ts';

export interface PublishedBundleDeps {
  readonly bundle: Pick<Watchable<TrustBundle>, 'value'>;
  readonly jwtKeys: Pick<JwtKeys, 'published'>;
  /** Keeps the sequence. */
  readonly file: string;
  readonly clock: Clock;
  readonly log: Log;
}

interface Kept {
  readonly sequence: number;
  readonly digest: string;
}

/** Rejects while the keys of JWT-SVIDs cannot be known: a bundle without them would end tokens that are good. */
export function createPublishedBundle(deps: PublishedBundleDeps): () => Promise<string> {
  const { bundle, jwtKeys, file, clock, log } = deps;
  let kept = readKept(file);
  return async () => {
    const keys = await jwtKeys.published();
    const { roots, sequence: least } = bundle.value();
    const digest = sha256(formatSpiffeBundle({ sequence: 0, roots }, keys)).toString('base64url');
    if (kept?.digest !== digest) {
      // Not below the seconds since 1970: losing the file does not make it decrease.
      kept = { sequence: Math.max((kept?.sequence ?? 0) + 1, least, Math.floor(clock.now() / 1000)), digest };
      try {
        writeSecretFile(file, `${JSON.stringify(kept)}\n`, 0o644);
      } catch (reason) {
        log.error({ reason: CellwallError.from(reason).message }, 'the sequence of the published bundle is not kept');
      }
    }
    return formatSpiffeBundle({ sequence: kept.sequence, roots }, keys);
  };
}

/** A damaged file counts as missing. */
function readKept(file: string): Kept | undefined {
  if (!existsSync(file)) return undefined;
  try {
    const { sequence, digest }: { readonly sequence?: unknown; readonly digest?: unknown } = JSON.parse(
      readFileSync(file, 'utf8'),
    );
    if (typeof sequence !== 'number' || !Number.isSafeInteger(sequence) || sequence < 1) return undefined;
    return typeof digest === 'string' ? { sequence, digest } : undefined;
  } catch {
    return undefined;
  }
}
