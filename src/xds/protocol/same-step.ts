// Streams in the same state that take the same step come into the same state: not only an equal one but the same object, so that thousands
// of streams keep one, and the next step is found by it as well.
import { oneProxys } from '../resources/order.ts';
import type { Subscription } from './subscription.ts';

export interface SameStep<Cause, Result> {
  /** The result of `make`, which may depend on nothing but these two; of the last cause, one is remembered for each state. */
  take(from: Subscription, cause: Cause, make: () => Result): Result;
}

/** `isSame`: whether causes lead to the same result. What was remembered goes with the state that it was for. */
export function createSameStep<Cause, Result>(isSame: (a: Cause, b: Cause) => boolean): SameStep<Cause, Result> {
  const last = new WeakMap<Subscription, { readonly cause: Cause; readonly result: Result }>();
  return {
    take(from, cause, make) {
      // No two proxies come into the same state.
      if (oneProxys.has(from.typeUrl)) return make();
      const known = last.get(from);
      if (known !== undefined && isSame(known.cause, cause)) return known.result;
      const result = make();
      last.set(from, { cause, result });
      return result;
    },
  };
}
