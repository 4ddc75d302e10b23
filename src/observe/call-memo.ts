// What entries with the same stable parts (stable-parts.ts) were counted as, so that the next one need not be decoded. Of limited size:
// what was not asked for lately is dropped. For all proxies together: what one of them fills it with costs the others time, once each.
import type { CallFacts } from '../signals/signals.ts';
import type { Call } from './traffic-count.ts';

export interface RememberedCall {
  readonly call: Call;
  readonly facts: CallFacts;
}

export interface CallMemo {
  get(key: string): RememberedCall | undefined;
  set(key: string, call: RememberedCall): void;
}

/** Characters of keys in one half. A call is about as large as its key. */
const defaultChars = 2 * 1024 * 1024;
/** Keys are made of what proxies report: this is several times the usual. */
const maxKey = 8 * 1024;

export function createCallMemo(halfChars = defaultChars): CallMemo {
  let young = new Map<string, RememberedCall>();
  let old = new Map<string, RememberedCall>();
  let chars = 0;
  const put = (key: string, call: RememberedCall): void => {
    if (chars + key.length > halfChars) {
      old = young;
      young = new Map();
      chars = 0;
    }
    young.set(key, call);
    chars += key.length;
  };
  return {
    get(key) {
      const call = young.get(key);
      if (call !== undefined) return call;
      const before = old.get(key);
      if (before !== undefined) put(key, before);
      return before;
    },
    set(key, call) {
      if (key.length <= maxKey && !young.has(key)) put(key, call);
    },
  };
}
