// Which certificates end soon, and what to do about each. Pure.
import { z } from 'zod';
import { type Countdown, type CountdownKind, caKinds, certificateKinds, runsOut } from '../lib/countdown.ts';

export const runningOutSchema = z.object({
  kind: z.enum([...caKinds, ...certificateKinds]),
  name: z.string(),
  notAfter: z.number(),
  hint: z.string().describe('What to do.'),
});

export type RunningOut = z.output<typeof runningOutSchema>;

/** What ends first before the rest. */
export function runningOut(all: readonly Countdown[], now: number): readonly RunningOut[] {
  return all
    .filter((one) => runsOut(one, now))
    .toSorted((a, b) => a.notAfter - b.notAfter)
    .map(({ kind, name, notAfter }) => ({ kind, name, notAfter, hint: hints[kind] }));
}

const hints: Readonly<Record<CountdownKind, string>> = {
  root: 'replace it: "cellwall ca rotate", or where the CA is; nothing is issued beyond its end',
  intermediate: 'the CA gives no successor: the log says why; nothing is issued beyond its end',
  extra:
    'ask whose CA it is for the next one, and add that to --ca-extra-roots; remove it once nobody has its certificates',
  legacy: 'ask whose CA it is for the next one, and add that to its document; or move its callers into the mesh',
  foreign: 'its trust domain must publish the next one: is its bundle still fetched?',
  server: 'it was not renewed: the log says why; without it proxies and sidecars do not connect',
  admin: 'renew the files of --admin-tls-cert and --admin-tls-key',
  oidc: 'renew the files of --oidc-tls-cert and --oidc-tls-key',
};
