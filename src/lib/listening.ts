// Why a port could not be had, in words that say which flag chooses another. What else went wrong is handed on as it is.
import { CellwallError } from './errors.ts';
import { formatHostPort, type HostPort } from './host-port.ts';

export interface Listening {
  /** What listens there. */
  readonly what: string;
  readonly flag: string;
  readonly address: HostPort;
  /** Who has a port that is taken, as in "pid 123 (python3)". */
  readonly holder?: (address: Listening['address']) => string;
}

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

/** gRPC tells the cause in its message only. */
function codesOf(reason: unknown): string {
  const texts: string[] = [];
  for (let at = reason; at instanceof Error && texts.length < 10; at = at.cause) texts.push(at.message);
  return texts.join(' ');
}
