// Roots that an operator adds to the CA's own: a PEM file that is checked regularly. A file that is being written, or cannot be read,
// changes nothing.
import { readFileSync, statSync } from 'node:fs';
import type { Clock } from '../lib/clock.ts';
import { CellwallError } from '../lib/errors.ts';
import type { Log } from '../lib/log.ts';
import { createWatched, type Watchable } from '../lib/watchable.ts';
import type { TrustDomain } from '../model/spiffe-id.ts';
import { createTrustBundle } from './trust-bundle.ts';

export interface ExtraRoots {
  /** PEM, one certificate per string. */
  readonly roots: Watchable<readonly string[]>;
  close(): void;
}

export interface ExtraRootsOptions {
  readonly file: string;
  readonly trustDomain: TrustDomain;
  readonly clock: Clock;
  readonly log: Log;
}

/** Read twice within half a second: by then a change is in force, and was seen complete. */
const lookMs = 200;
const maxBytes = 262_144;

/** Throws `failed_precondition` if the file does not exist, or contains something else. */
export function watchExtraRoots({ file, trustDomain, clock, log }: ExtraRootsOptions): ExtraRoots {
  let stamp = stampOf(file);
  const roots = createWatched(parse(read(file), trustDomain, file));
  /** Seen once; accepted if the next check finds the same. */
  let seen: string | undefined;
  let cancel = (): void => {};
  const look = (): void => {
    const now = stampOf(file);
    if (now === stamp) seen = undefined;
    else if (now !== seen) seen = now;
    else {
      stamp = now;
      seen = undefined;
      take();
    }
    plan();
  };
  const take = (): void => {
    try {
      const found = parse(read(file), trustDomain, file);
      if (found.join('') !== roots.value().join('')) roots.set(found);
    } catch (reason) {
      const { message, hint = '' } = CellwallError.from(reason);
      log.error({ reason: message, hint }, 'the extra roots stay as they were');
    }
  };
  const plan = (): void => {
    cancel = clock.after(lookMs, look);
  };
  plan();
  return { roots, close: () => cancel() };
}

function stampOf(file: string): string {
  try {
    const { ino, mtimeNs, ctimeNs, size } = statSync(file, { bigint: true });
    return [ino, mtimeNs, ctimeNs, size].join(' ');
  } catch {
    return 'none';
  }
}

function read(file: string): string {
  try {
    if (statSync(file).size > maxBytes) throw new Error(`it is larger than ${maxBytes} bytes`);
    return readFileSync(file, 'utf8');
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw unusable(file, `cannot be read: ${why}`, cause);
  }
}

/** An intentionally empty list must say so in a comment: a file that was emptied by mistake removes nobody's root. */
function parse(text: string, trustDomain: TrustDomain, file: string): readonly string[] {
  const lines = text.split('\n').map((line) => line.trim());
  const words = lines.filter((line) => line !== '');
  if (words.length > 0 && words.every((line) => line.startsWith('#'))) return [];
  const [begun, ended] = ['BEGIN', 'END'].map(
    (word) => lines.filter((line) => line.startsWith(`-----${word} `)).length,
  );
  if (begun === 0) throw unusable(file, 'holds no certificate');
  // Truncated, as by a full disk.
  if (begun !== ended) throw unusable(file, 'ends in the middle of a certificate');
  try {
    return createTrustBundle({ trustDomain, sequence: 1, roots: [text] }).roots;
  } catch (cause) {
    throw unusable(file, `cannot be used: ${CellwallError.from(cause).message}`, cause);
  }
}

function unusable(file: string, why: string, cause?: unknown): CellwallError {
  return new CellwallError('failed_precondition', `the file of extra roots ${file} ${why}`, {
    hint: 'it holds CA certificates of the trust domain, PEM; to have none, let it hold one line that begins with "#"',
    cause,
  });
}
