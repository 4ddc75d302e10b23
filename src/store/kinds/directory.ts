// `--store directory`: YAML files that people edit, and `apply` as well.
import { CellwallError } from '../../lib/errors.ts';
import { createDirectoryStore } from '../directory.ts';
import type { StoreKind } from '../store-kind.ts';

export const directoryStore: StoreKind = {
  alsoChangedBy: 'files',
  options: {
    documents: { description: 'the directory of *.yaml and *.yml files', required: true },
    'settle-seconds': { description: 'how long what disappears from files must have been quiet' },
  },
  open({ options: { documents, 'settle-seconds': seconds }, ...settings }) {
    return createDirectoryStore({
      ...settings,
      documents: documents?.reveal() ?? '',
      ...(seconds === undefined ? {} : { settleMs: milliseconds(seconds.reveal()) }),
    });
  },
};

function milliseconds(seconds: string): number {
  const ms = Number(seconds) * 1000;
  if (seconds !== '' && Number.isFinite(ms) && ms >= 0) return ms;
  throw new CellwallError('invalid_argument', 'settle-seconds is not a number of seconds', { hint: '3, or 0.5' });
}
