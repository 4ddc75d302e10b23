// What Envoy's counters had in addition to its access log, and the text for it. Pure.

/** The log reported at most `told` of what Envoy counted. */
export interface MissingInLog {
  /** `log entries`: Envoy itself reports that it lost them. */
  readonly what: 'requests' | 'connections' | 'log entries';
  readonly counted: number;
  readonly told: number;
}

export function missingWords({
  from,
  to,
  what,
  counted,
  told,
}: MissingInLog & { readonly from: number; readonly to: number | undefined }): string {
  const until = to === undefined ? '' : ` to ${timeOf(to)}`;
  if (what === 'log entries') return `lost ${counted} entries of its log, from ${timeOf(from)}${until}`;
  return `counted ${counted} ${what} from ${timeOf(from)}${until}, its log told ${told}`;
}

function timeOf(ms: number): string {
  return new Date(ms).toISOString().replace(/\.\d+Z$/, 'Z');
}
