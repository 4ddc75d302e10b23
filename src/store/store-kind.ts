// The extension point "store": how one is opened, what it is told, and who else writes to it.
import type { Clock } from '../lib/clock.ts';
import type { Log } from '../lib/log.ts';
import type { NamedOption, NamedValues } from '../lib/named-options.ts';
import type { Redacted } from '../lib/redacted.ts';
import type { Holding, StateCheck, Store } from './store.ts';

export interface StoreKind {
  /**
   * Who else than `apply` of this process changes what is in it: nobody, people and their tools (`files`: their changes are recorded when
   * they come into force), or other replicas (`replicas`: the audit log and named tokens are shared, and one CA is the store's).
   */
  readonly alsoChangedBy?: 'files' | 'replicas';
  /** By name, as `--store-option NAME=VALUE` gives them. */
  readonly options: Readonly<Record<string, NamedOption>>;
  open(settings: StoreSettings): Promise<Store>;
}

/** What every store may need; each takes its part. */
export interface StoreSettings {
  /** Those that it has, and all that it requires. */
  readonly options: NamedValues;
  /** The folder for what must survive a restart. */
  readonly state: string;
  /** A key of this data folder, for what is kept where others may write. Made when it is first asked for. */
  readonly sealKey: () => Redacted<string>;
  readonly check: StateCheck;
  /** Of stores in which others than `apply` write. */
  readonly holding: Holding;
  readonly log: Log;
  readonly clock: Clock;
}
