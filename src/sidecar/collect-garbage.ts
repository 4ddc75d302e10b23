// Requests a garbage collection. What a connection leaves behind is mostly outside the heap, so V8 sees no need: left alone, the helper of
// every service would grow by 20 MB in an hour of reports, and stay there.
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

let collect: (() => void) | undefined;

export function collectGarbage(): void {
  if (collect === undefined) {
    setFlagsFromString('--expose-gc');
    const found: unknown = runInNewContext('gc');
    collect = typeof found === 'function' ? () => void found() : () => {};
  }
  collect();
}
