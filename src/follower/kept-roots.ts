// The state of the parent's roots, kept for a start without the parent: what is on its way out is replaced when it is back.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { readToldRoots, type ToldRoots, writeToldRoots } from '../identity/roots/told-roots.ts';
import { writeSecretFile } from '../identity/secret-file.ts';
import { CellwallError } from '../lib/errors.ts';
import type { Log } from '../lib/log.ts';
import { createWatched, type Watchable } from '../lib/watchable.ts';

export interface KeptRoots extends Watchable<ToldRoots | undefined> {
  /** What the parent says. An earlier state than was heard in this run is another control plane's that is behind. */
  hear(told: ToldRoots): void;
}

/** `dir`: mode 0700. A file that cannot be read counts as missing: the parent says it again. */
export function keepRoots(dir: string, log: Log): KeptRoots {
  const file = join(dir, 'roots.json');
  const value = createWatched(read(file, log));
  let heard = 0;
  return {
    ...value,
    hear(told) {
      if (told.record.version < heard) return;
      heard = told.record.version;
      try {
        writeSecretFile(file, `${JSON.stringify(writeToldRoots(told))}\n`, 0o644);
      } catch (reason) {
        log.error({ reason: CellwallError.from(reason).message }, "the state of the parent's roots is not kept");
      }
      value.set(told);
    },
  };
}

function read(file: string, log: Log): ToldRoots | undefined {
  if (!existsSync(file)) return undefined;
  try {
    return readToldRoots(JSON.parse(readFileSync(file, 'utf8')));
  } catch (reason) {
    log.warn({ file, reason: String(reason) }, "the kept state of the parent's roots cannot be read");
    return undefined;
  }
}
