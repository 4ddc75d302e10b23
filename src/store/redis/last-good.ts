// The last good state of Redis on this host's disk, served (stale) if Redis is down at the start.
import { CellwallError } from '../../lib/errors.ts';
import type { Log } from '../../lib/log.ts';
import { parseDocuments } from '../../model/parse.ts';
import type { ParsedDocument } from '../../model/parsed-document.ts';
import { judgeOnce } from '../judge-once.ts';
import { sortDocuments } from '../plan-changes.ts';
import type { StateDatabase } from '../sqlite/state-database.ts';
import type { StateCheck } from '../store.ts';
import { type Known, type Seen, textsOf } from './stored-state.ts';

export interface LastGood {
  /** What an earlier run kept, if it came from a Redis store and this version can read it. */
  resume(): Known | undefined;
  /** The latest that an earlier run kept, readable or not. */
  seen(): Seen | undefined;
  keep(known: Known): void;
}

export interface LastGoodOptions {
  /** Absent: nothing is kept. */
  readonly database: StateDatabase | undefined;
  /** Resolves the state; it was accepted once, so it is not refused again. */
  readonly check: StateCheck;
  readonly log: Log;
}

export function openLastGood({ database, check, log }: LastGoodOptions): LastGood {
  return {
    seen() {
      const saved = database?.saved();
      return saved?.epoch === undefined ? undefined : { epoch: saved.epoch, revision: saved.revision };
    },
    resume() {
      const saved = database?.saved();
      if (saved?.epoch === undefined) return undefined;
      const documents: ParsedDocument[] = [];
      for (const [key, text] of saved.files) {
        const parsed = parseDocuments(text, key);
        if (parsed.kind === 'invalid') {
          log.error({ key }, 'the saved last good state cannot be read');
          return undefined;
        }
        documents.push(...parsed.documents);
      }
      const judged = judgeOnce(sortDocuments(documents), check);
      return { epoch: saved.epoch, state: { ...judged, revision: saved.revision } };
    },
    keep({ epoch, state }) {
      if (epoch === '') return;
      try {
        database?.save({ revision: state.revision, files: textsOf(state.documents), epoch }, []);
      } catch (reason) {
        // Redis has it as well: a full disk here refuses nothing.
        log.error({ error: CellwallError.from(reason).message }, 'the last good state cannot be kept on disk');
      }
    },
  };
}
