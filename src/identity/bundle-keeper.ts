// The current trust bundle, made from the CA's roots and those that an operator added; and its sequence, which never decreases.
import { existsSync, readFileSync } from 'node:fs';
import type { Clock } from '../lib/clock.ts';
import { CellwallError } from '../lib/errors.ts';
import type { Log } from '../lib/log.ts';
import { createWatched, type Watchable } from '../lib/watchable.ts';
import type { TrustDomain } from '../model/spiffe-id.ts';
import { writeSecretFile } from './secret-file.ts';
import { bundlePem, createTrustBundle, type TrustBundle } from './trust-bundle.ts';
import { sha256 } from './x509/fingerprint.ts';

export interface BundleKeeperOptions {
  /** Each a source of roots, PEM; the bundle contains those of all. */
  readonly sources: readonly Watchable<readonly string[]>[];
  readonly trustDomain: TrustDomain;
  /** Stores the sequence. */
  readonly file: string;
  readonly clock: Clock;
  readonly log: Log;
}

export interface BundleKeeper {
  readonly bundle: Watchable<TrustBundle>;
  close(): void;
}

interface Kept {
  readonly sequence: number;
  /** SHA-256 of the roots. */
  readonly digest: string;
}

/** Throws if the roots do not form a bundle. If that happens later, nothing changes: the last good bundle stays. */
export function keepBundle({ sources, trustDomain, file, clock, log }: BundleKeeperOptions): BundleKeeper {
  let kept = readKept(file);
  const make = (): TrustBundle => {
    const roots = sources.flatMap((source) => source.value());
    const candidate = createTrustBundle({ trustDomain, sequence: kept?.sequence ?? 1, roots });
    const digest = digestOf(candidate);
    if (digest === kept?.digest) return candidate;
    // Not below the seconds since 1970: losing the file does not make it decrease.
    const sequence = Math.max((kept?.sequence ?? 0) + 1, Math.floor(clock.now() / 1000));
    kept = { sequence, digest };
    try {
      writeSecretFile(file, `${JSON.stringify(kept)}\n`, 0o644);
    } catch (reason) {
      log.error({ reason: CellwallError.from(reason).message }, 'the sequence of the trust bundle is not kept');
    }
    return createTrustBundle({ trustDomain, sequence, roots });
  };
  const bundle = createWatched(make());
  const refresh = (): void => {
    try {
      const before = bundle.value();
      const next = make();
      if (next.sequence === before.sequence) return;
      log.warn({ sequence: next.sequence, roots: next.roots.length }, 'the trust bundle changed');
      bundle.set(next);
    } catch (reason) {
      log.error({ reason: CellwallError.from(reason).message }, 'the trust bundle stays as it was');
    }
  };
  const ends = sources.map((source) => source.watch(refresh));
  return {
    bundle,
    close() {
      for (const end of ends) end();
    },
  };
}

function digestOf(bundle: TrustBundle): string {
  return sha256(bundlePem(bundle)).toString('base64url');
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
