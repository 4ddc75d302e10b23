// The extension point "store": how one is opened, its options, and who else writes to it.
import type { Clock } from '../lib/clock.ts';
import type { Log } from '../lib/log.ts';
import type { NamedOption, NamedValues } from '../lib/named-options.ts';
import type { Redacted } from '../lib/redacted.ts';
import type { DirectReview, Holding, StateCheck } from './judges.ts';
import type { Store } from './store.ts';

export interface StoreKind {
  /**
   * Who else than `apply` in this process changes its content: nobody, people and their tools (`files`: their changes are recorded when
   * they come into force), or other replicas (`replicas`: the audit log and named tokens are shared, and the store belongs to one CA).
   */
  readonly alsoChangedBy?: 'files' | 'replicas';
  /** By name, as `--store-option NAME=VALUE` gives them. */
  readonly options: Readonly<Record<string, NamedOption>>;
  open(settings: StoreSettings): Promise<Store>;
}

/** What stores may need; each uses its part. */
export interface StoreSettings {
  /** Only options that it has, including all required ones. */
  readonly options: NamedValues;
  /** The folder for what must survive a restart. */
  readonly state: string;
  /** A key of this data folder, for data in places where others may write. Created when first used. */
  readonly sealKey: () => Redacted<string>;
  readonly check: StateCheck;
  /** For stores in which others than `apply` write. */
  readonly holding: Holding;
  /** For stores in which somebody may write documents directly. Absent: nothing that is written there comes into force by itself. */
  readonly review?: DirectReview;
  /** Told of each text of documents that was parsed, for metrics. */
  readonly onParsed?: () => void;
  readonly log: Log;
  readonly clock: Clock;
}
