// `cellwall doctor svid PLACE`: reads an SVID where it is (a file, a folder of `svid fetch`, standard input, the socket of a Workload API),
// with the key and the roots beside it, and has it judged. Offline: no control plane is asked.
import { existsSync, readFileSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { lookAtCertificate } from '../doctor/svid/look-at-certificate.ts';
import { type JwtKey, lookAtToken, looksLikeToken } from '../doctor/svid/look-at-token.ts';
import { type SvidLook, type SvidReport, svidReport } from '../doctor/svid/svid-report.ts';
import { toPem } from '../identity/x509/pem.ts';
import { defined } from '../lib/defined.ts';
import { CellwallError } from '../lib/errors.ts';
import { parseSocketPath, type SocketPath } from '../lib/socket-path.ts';
import { unreadable } from './flags/read-file.ts';

interface SvidQuestion {
  readonly place: string;
  /** A file each; default: those beside it, where `svid fetch` puts them. */
  readonly key?: string;
  readonly bundle?: string;
  readonly audience?: string;
  readonly trustDomain?: string;
}

const mostBytes = 1_048_576;
const standardInput = '-';

/** `stdin`: what came there. */
export async function lookAtPlace(
  question: SvidQuestion,
  { now, stdin }: { readonly now: number; readonly stdin: () => Promise<string> },
): Promise<readonly SvidReport[]> {
  const { place } = question;
  if (place.startsWith('unix:')) return lookAtSocket(place, question, now);
  if (place === standardInput) return [svidReport(lookAtText('standard input', await stdin(), question, now))];
  try {
    const file = fileOf(place);
    return [svidReport(lookAtText(file, read(file), { ...besideOf(file), ...question }, now, file))];
  } catch (reason) {
    if (!(reason instanceof CellwallError)) throw reason;
    const why = reason.message.replace(/^cannot read .*: /, '');
    return [nothing(place, [{ kind: 'not-there', place, why }])];
  }
}

/** In a folder the chain, as `svid fetch` and a sidecar's data folder have it. */
function fileOf(place: string): string {
  const isFolder = existsSync(place) && statSync(place).isDirectory();
  if (!isFolder) return place;
  const names = ['svid.pem', 'svid/svid.pem'].map((name) => join(place, name));
  const found = names.find((name) => existsSync(name));
  if (found === undefined) throw new CellwallError('not_found', `it is a folder without svid.pem in it`);
  return found;
}

function besideOf(file: string): Pick<SvidQuestion, 'key' | 'bundle'> {
  if (!['svid.pem', 'leaf.pem'].includes(basename(file))) return {};
  const beside = (name: string): string | undefined => {
    const path = join(dirname(file), name);
    return existsSync(path) ? path : undefined;
  };
  return defined({ key: beside('key.pem'), bundle: beside('bundle.pem') });
}

function lookAtText(
  place: string,
  text: string,
  question: Omit<SvidQuestion, 'place'>,
  now: number,
  file?: string,
): SvidLook {
  const { key, bundle, audience, trustDomain } = question;
  if (looksLikeToken(text)) {
    const keys = bundle === undefined ? undefined : jwtKeysIn(read(bundle, 'the keys in '));
    return lookAtToken({ place, token: text, now, ...defined({ keys, audience, trustDomain }) });
  }
  if (!text.includes('-----BEGIN CERTIFICATE-----')) {
    return {
      place,
      kind: 'none',
      checked: [],
      unseen: [],
      faults: [{ kind: 'no-svid-in-it', place, holds: holds(text) }],
    };
  }
  return lookAtCertificate({
    ...{ place, chain: text, now },
    ...defined({
      writtenAt: file === undefined ? undefined : statSync(file).mtimeMs,
      key: key === undefined ? undefined : { place: key, pem: read(key, 'the key in '), mode: statSync(key).mode },
      roots: bundle === undefined ? undefined : { place: bundle, pem: rootsIn(read(bundle, 'the roots in ')) },
      trustDomain,
    }),
  });
}

/** What it has in place of one; never its text. */
function holds(text: string): string {
  if (text.trim() === '') return 'it is empty';
  if (/-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(text)) return 'it has a private key alone';
  if (/-----BEGIN CERTIFICATE REQUEST-----/.test(text))
    return 'it has a request for a certificate (CSR), which nobody has signed yet';
  if (text.charCodeAt(0) === 0x30)
    return 'it seems to be a certificate in DER: "openssl x509 -inform der" makes PEM of it';
  return 'it is neither PEM nor a token';
}

/** Of PEM, or of a SPIFFE bundle as JSON (Trust Domain and Bundle §4). */
function rootsIn(text: string): string {
  if (!text.trimStart().startsWith('{')) return text;
  const ders = keysIn(text).flatMap(({ x5c }) => (Array.isArray(x5c) && typeof x5c[0] === 'string' ? [x5c[0]] : []));
  return ders.map((der) => toPem(Buffer.from(der, 'base64'), 'CERTIFICATE')).join('');
}

/** Those for tokens; PEM has none. */
function jwtKeysIn(text: string): readonly JwtKey[] {
  return text.trimStart().startsWith('{') ? keysIn(text).filter(({ use }) => use !== 'x509-svid') : [];
}

function keysIn(text: string): readonly JwtKey[] {
  try {
    const { keys }: { readonly keys?: unknown } = Object(JSON.parse(text));
    return Array.isArray(keys) ? keys.map((key: unknown) => ({ ...Object(key) })) : [];
  } catch {
    return [];
  }
}

async function lookAtSocket(place: string, question: SvidQuestion, now: number): Promise<readonly SvidReport[]> {
  const socket = parseSocketPath(place);
  if (socket === undefined)
    return [nothing(place, [{ kind: 'not-there', place, why: 'it is no absolute path of a socket' }])];
  const { askWorkloadApi } = await import('../workload-api/ask-workload-api.ts');
  const api = askWorkloadApi(socket);
  try {
    const svids = await api.x509Svids();
    const { audience, trustDomain } = question;
    const reports = svids.map(({ spiffeId, chain, key, roots }) => {
      const name = `${place} (${spiffeId})`;
      const parts = { key: { place: name, pem: key }, roots: { place: `the bundle of ${place}`, pem: roots } };
      return svidReport(lookAtCertificate({ place: name, chain, ...parts, now, ...defined({ trustDomain }) }));
    });
    if (reports.length === 0)
      return [nothing(place, [{ kind: 'socket-refuses', place, why: 'it has none for this program' }])];
    if (audience === undefined) return reports;
    const bundles = await api.jwtBundles();
    const keys = [...bundles.values()].flatMap(jwtKeysIn);
    const tokens = (await api.jwtSvids(audience)).map(({ spiffeId, token }) =>
      svidReport(
        lookAtToken({ place: `${place} (${spiffeId})`, token, keys, audience, now, ...defined({ trustDomain }) }),
      ),
    );
    return [...reports, ...tokens];
  } catch (reason) {
    return [nothing(place, [socketFault(place, socket, CellwallError.from(reason))])];
  }
}

function socketFault(place: string, { path }: SocketPath, { code, message }: CellwallError) {
  const why = message.replace(/^the Workload API: /, '');
  const isThere = statSync(path, { throwIfNoEntry: false });
  if (isThere === undefined) return { kind: 'socket-dead', place, why: 'there is no such socket' } as const;
  if (!isThere.isSocket()) return { kind: 'socket-dead', place, why: 'it is no socket' } as const;
  if (/EACCES|EPERM/.test(why))
    return {
      kind: 'not-there',
      place,
      why: 'not permitted for this user: it is the identity of whoever may open it',
    } as const;
  if (/ECONNREFUSED|ENOENT/.test(why))
    return { kind: 'socket-dead', place, why: 'the program that made it has ended' } as const;
  const refuses = code === 'failed_precondition' || /gRPC status/.test(why);
  return { kind: refuses ? 'socket-refuses' : 'socket-dead', place, why } as const;
}

function nothing(place: string, faults: SvidLook['faults']): SvidReport {
  return svidReport({ place, kind: 'none', checked: [], unseen: [], faults });
}

function read(path: string, what = ''): string {
  try {
    const found = statSync(path);
    if (found.size > mostBytes) throw new CellwallError('invalid_argument', `${path} is larger than 1 MiB`);
    // A pipe or a device would never end.
    if (!found.isFile()) throw new CellwallError('invalid_argument', `${path} is no file`);
    return readFileSync(path, 'latin1');
  } catch (reason) {
    throw unreadable(path, reason, what);
  }
}
