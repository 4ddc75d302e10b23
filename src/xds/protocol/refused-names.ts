// Which resources of a response a client rejected. Usually everything that was new in it (xDS says no more), but Envoy applies listeners
// and clusters one by one, and names those that it rejected: the others are in force. Pure.
import { typeUrls } from '../resources/type-url.ts';
import type { Sent } from './sent.ts';

const oneByOne: ReadonlySet<string> = new Set([typeUrls.listener, typeUrls.cluster]);
/** `lds_api.cc` and `cds_api_helper.cc`; then, one per line: a name, a colon and the reason. */
const naming = /^Error adding\/updating (?:listener|cluster)\(s\) /;
/** `Config::Utility::truncateGrpcStatusMessage`: names may be missing. */
const truncated = '...(truncated)';

/** All that was new, unless the error certainly names some of it. */
export function refusedNames(
  { typeUrl, changed }: Pick<Sent, 'typeUrl' | 'changed'>,
  error: string,
): ReadonlySet<string> {
  const all = changed.map(({ name }) => name);
  if (!oneByOne.has(typeUrl) || !naming.test(error) || error.includes(truncated)) return new Set(all);
  const text = error.replace(/\s+/g, ' ');
  const named = all.filter((name) => text.includes(` ${name}: `));
  return new Set(named.length > 0 ? named : all);
}
