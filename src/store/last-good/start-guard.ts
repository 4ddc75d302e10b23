// Counts how often the process died shortly after it had taken documents in force: a crash loop starts on the last good ones. A run that
// lasts, or ends in order, is no death.
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Clock } from '../../lib/clock.ts';
import { CellwallError } from '../../lib/errors.ts';
import type { Log } from '../../lib/log.ts';

export interface StartGuard {
  /** How often in succession the process has died. Counted when this was opened. */
  readonly deaths: number;
  /** Whether dying would count: documents came into force only a while ago. */
  counting(): boolean;
  /** Documents that are not put in force, by key, each with the digest of its text; `null`: that it is gone. */
  quarantine(): Quarantine;
  setQuarantine(quarantine: Quarantine): void;
  /** Documents come into force: from now on, dying counts until a while has passed. */
  taken(): void;
  /** The process ends in order. */
  close(): void;
}

export type Quarantine = ReadonlyMap<string, string | null>;

export interface StartGuardOptions {
  /** Where it remembers. */
  readonly folder: string;
  readonly clock: Clock;
  readonly log: Log;
  /** How long documents must be in force without a death, milliseconds. Default 60 s. */
  readonly lastsMs?: number;
}

interface Remembered {
  readonly running: boolean;
  readonly deaths: number;
  readonly quarantine: readonly (readonly [string, string | null])[];
}

const none: Remembered = { running: false, deaths: 0, quarantine: [] };

/** This process counts as starting from now on. A disk that takes nothing is logged: then nothing is counted. */
export function openStartGuard({ folder, clock, log, lastsMs = 60_000 }: StartGuardOptions): StartGuard {
  const path = join(folder, 'starts.json');
  const before = read(path);
  let now: Remembered = { ...before, running: true, deaths: before.running ? before.deaths + 1 : 0 };
  const write = (next: Remembered): void => {
    now = next;
    try {
      writeFileSync(`${path}.new`, JSON.stringify(now), { mode: 0o600 });
      renameSync(`${path}.new`, path);
    } catch (reason) {
      log.error({ error: CellwallError.from(reason).message }, 'how often the process died cannot be kept on disk');
    }
  };
  let cancel = (): void => {};
  const watch = (): void => {
    cancel();
    cancel = clock.after(lastsMs, () => write({ ...now, running: false, deaths: 0 }));
  };
  write(now);
  watch();
  return {
    deaths: now.deaths,
    counting: () => now.running,
    quarantine: () => new Map(now.quarantine),
    setQuarantine: (quarantine) => write({ ...now, quarantine: [...quarantine] }),
    taken() {
      if (!now.running) write({ ...now, running: true });
      watch();
    },
    close() {
      cancel();
      write({ ...now, running: false, deaths: 0 });
    },
  };
}

function read(path: string): Remembered {
  try {
    const found: unknown = JSON.parse(readFileSync(path, 'utf8'));
    return isRemembered(found) ? found : none;
  } catch {
    return none;
  }
}

/** Only this file writes there. */
function isRemembered(value: unknown): value is Remembered {
  if (typeof value !== 'object' || value === null) return false;
  const { running, deaths, quarantine }: Partial<Record<keyof Remembered, unknown>> = value;
  return typeof running === 'boolean' && typeof deaths === 'number' && Array.isArray(quarantine);
}
