// Explains why a port could not be opened, and names the flag that chooses another. Other errors are passed on as they are.
import { CellwallError } from './errors.ts';
import { formatHostPort, type HostPort } from './host-port.ts';

export interface Listening {
  /** What should listen there. */
  readonly what: string;
  readonly flag: string;
  readonly address: HostPort;
  /** Who occupies a taken port, as in "pid 123 (python3)". */
  readonly holder?: (address: Listening['address']) => string;
}

/** Throws `unavailable` if the address cannot be used, with a hint that names `flag`. */
export async function listening<T>({ what, flag, address, holder }: Listening, listen: () => Promise<T>): Promise<T> {
  try {
    return await listen();
  } catch (reason) {
    const why = reasons.find(([code]) => codesOf(reason).includes(code))?.[1];
    if (why === undefined) throw reason;
    const { port } = address;
    const at = formatHostPort(address);
    throw new CellwallError('unavailable', `cannot listen on ${at} for ${what}: ${why}`, {
      hint: `${why === taken ? `${seeWho(port, holder?.(address))}; or ` : ''}choose another with ${flag}`,
      cause: reason,
    });
  }
}

const taken = 'the port is taken';
const reasons: readonly (readonly [code: string, why: string])[] = [
  ['EADDRINUSE', taken],
  ['EACCES', 'not permitted for this user'],
  ['EADDRNOTAVAIL', 'this host has no such address'],
  ['ENOTFOUND', 'there is no host of that name'],
];

function seeWho(port: number, holder: string | undefined): string {
  return holder === undefined ? `see which program has it: ss -ltnp 'sport = :${port}'` : `stop who has it: ${holder}`;
}

/** gRPC reports the cause only in its message. */
function codesOf(reason: unknown): string {
  const texts: string[] = [];
  for (let at = reason; at instanceof Error && texts.length < 10; at = at.cause) texts.push(at.message);
  return texts.join(' ');
}
