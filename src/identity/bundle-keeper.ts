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
  /** Those of them that are on their way out, PEM. */
  readonly retiring?: Watchable<readonly string[]> | undefined;
  /** The sequence that a bundle with the present roots has elsewhere, if it is known (`UpstreamAuthority.sequence`). */
  readonly shared?: (() => number | undefined) | undefined;
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
  /** SHA-256 of the roots, and of which of them are on their way out. */
  readonly digest: string;
}

/** Throws if the roots do not form a bundle. If that happens later, nothing changes: the last good bundle stays. */
export function keepBundle({
  sources,
  retiring,
  shared,
  trustDomain,
  file,
  clock,
  log,
}: BundleKeeperOptions): BundleKeeper {
  let kept = readKept(file);
  const make = (): TrustBundle => {
    const roots = sources.flatMap((source) => source.value());
    const content = { trustDomain, roots, retiring: retiring?.value() ?? [] };
    const candidate = createTrustBundle({ ...content, sequence: kept?.sequence ?? 1 });
    const digest = digestOf(candidate);
    // Roots that changed elsewhere and changed back meanwhile are the same here, but not their sequence.
    const theirs = shared?.() ?? 0;
    if (digest === kept?.digest && theirs <= kept.sequence) return candidate;
    // Not below the seconds since 1970: losing the file does not make it decrease.
    const own = Math.max((kept?.sequence ?? 0) + 1, Math.floor(clock.now() / 1000));
    // Helpers that change between control planes take only a higher one for newer.
    const sequence = theirs > (kept?.sequence ?? 0) ? theirs : own;
    kept = { sequence, digest };
    try {
      writeSecretFile(file, `${JSON.stringify(kept)}\n`, 0o644);
    } catch (reason) {
      log.error({ reason: CellwallError.from(reason).message }, 'the sequence of the trust bundle is not kept');
    }
    return createTrustBundle({ ...content, sequence });
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
  const ends = [...sources, ...(retiring === undefined ? [] : [retiring])].map((source) => source.watch(refresh));
  return {
    bundle,
    close() {
      for (const end of ends) end();
    },
  };
}

function digestOf(bundle: TrustBundle): string {
  const { retiring = [] } = bundle;
  // Nothing on its way out: as earlier versions wrote it.
  return sha256([bundlePem(bundle), ...retiring].join('')).toString('base64url');
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
