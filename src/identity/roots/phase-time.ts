// For how long a phase of a rotation has lasted. Of several control planes each counts from the moment at which it saw the phase begin:
// their clocks may differ. One that started since has nothing but the date of the record.
import type { Clock } from '../../lib/clock.ts';
import type { RootsRecord } from './roots-record.ts';

/** `first`: found at the start. The answer is called with every record that is looked at; milliseconds, 0 if no rotation is under way. */
export function createPhaseTime(
  clock: Pick<Clock, 'now' | 'monotonic'>,
  first: RootsRecord,
): (record: RootsRecord) => number {
  const began = ({ rotation }: RootsRecord): number =>
    clock.monotonic() - (rotation === undefined ? 0 : Math.max(0, clock.now() - rotation.since));
  let version = first.version;
  let since = began(first);
  return (record) => {
    if (record.version !== version) {
      version = record.version;
      since = clock.monotonic();
    }
    return record.rotation === undefined ? 0 : clock.monotonic() - since;
  };
}
