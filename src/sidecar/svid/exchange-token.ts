// `cellwall svid exchange`: a job's token for an SVID, as files and for a shell. What is in the folder from another job is never used: a
// runner may have left it there, and its identity is another one.
import { existsSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { tokenName } from '../../identity/attestor/one-use.ts';
import { ensureSecretFolder, readSecretFile, writeSecretFile } from '../../identity/secret-file.ts';
import { fetchJwt } from '../../identity-api/jwt-client.ts';
import { type Clock, systemClock } from '../../lib/clock.ts';
import { CellwallError } from '../../lib/errors.ts';
import { lockFolder } from '../../lib/folder-lock.ts';
import type { Log } from '../../lib/log.ts';
import type { Redacted } from '../../lib/redacted.ts';
import { pause } from '../pause.ts';
import { createControlPlanes, readControlPlanes, seedOf } from '../servers/control-planes.ts';
import { firstThatAnswers } from '../servers/first-that-answers.ts';
import { loadNodeKey, type NodeKeyFile } from './node-key.ts';
import { isTransient, obtainSvid } from './obtain-svid.ts';
import { createSvidFiles, type StoredSvid, splitFileNames, svidFileNames } from './svid-files.ts';

export interface ExchangeTokenOptions {
  /** Identity APIs, "host:port", separated by commas. */
  readonly identity: string;
  readonly attestor: string;
  readonly token: Redacted<string>;
  /** The only audience of the token; otherwise it is not sent. Absent: whoever gets it may read it. */
  readonly audience?: string | undefined;
  /** PEM of the roots that are trusted. */
  readonly roots: string;
  /** Mode 0700. */
  readonly dir: string;
  /** A JWT-SVID for these, too. Empty: none. */
  readonly jwtAudience: readonly string[];
  readonly log: Log;
  readonly clock?: Clock;
  /** For control planes that do not answer, or are busy. Default 30 s. */
  readonly patienceMs?: number;
}

/** Beside those of `svidFileNames`. */
const names = {
  /** Which token the folder's node key presented. */
  mark: 'exchanged-token',
  /** For a shell: `. DIR/env`. */
  env: 'env',
  jwt: 'jwt-svid.token',
} as const;

/** Answers the SVID and the paths of all files. Throws `invalid_argument` for a token that is for somebody else. */
export async function exchangeToken(
  options: ExchangeTokenOptions,
): Promise<{ readonly svid: StoredSvid; readonly files: readonly string[] }> {
  const { token, dir } = options;
  checkAudience(token, options.audience);
  ensureSecretFolder(dir);
  const lock = lockFolder({ folder: dir, name: 'svid', hint: 'one process keeps the SVID of a folder' });
  try {
    return await exchangeIn(options);
  } finally {
    lock.release();
  }
}

async function exchangeIn(
  options: ExchangeTokenOptions,
): Promise<{ readonly svid: StoredSvid; readonly files: readonly string[] }> {
  const { identity, attestor, token, roots, dir, jwtAudience, log, clock = systemClock } = options;
  const nodeKey = await keyForToken(dir, tokenName(token.reveal()));
  const servers = createControlPlanes(readControlPlanes(identity), seedOf(nodeKey));
  const evidence = { attestor, roots, make: async () => ({ attestor, token: token.reveal() }) };
  const files = createSvidFiles(dir, { split: true });
  const deps = { servers, evidence, nodeKey, files, clock, log };
  const patient = patience(clock, options.patienceMs);
  const svid = await patient(() => obtainSvid(deps, 'attestation'));
  const jwt =
    jwtAudience.length === 0
      ? undefined
      : await patient(() => firstThatAnswers(servers, (at) => fetchJwt({ ...at, svid }, jwtAudience), { log }));
  return { svid, files: writeMore(dir, svid, jwt?.token) };
}

/** The one that presented this token before, or a new one: in one folder there may be several jobs, one after the other. */
async function keyForToken(dir: string, name: string): Promise<NodeKeyFile> {
  const nodeKey = await loadNodeKey(dir);
  const mark = join(dir, names.mark);
  if (existsSync(mark) && readSecretFile(mark) === name) return nodeKey;
  for (const old of ['current', ...Object.values({ ...svidFileNames, ...splitFileNames, ...names })]) {
    rmSync(join(dir, old), { force: true });
  }
  if (!nodeKey.fresh) await nodeKey.replace();
  writeSecretFile(mark, name);
  return nodeKey;
}

/** A token for somebody else must not be sent here: whoever it is for would believe us. */
function checkAudience(token: Redacted<string>, audience: string | undefined): void {
  let said: unknown;
  try {
    const [, payload = ''] = token.reveal().split('.');
    const claims: { readonly aud?: unknown } = Object(JSON.parse(Buffer.from(payload, 'base64url').toString('utf8')));
    said = claims.aud;
  } catch {
    throw new CellwallError('invalid_argument', 'this is not a token', {
      hint: 'in a GitLab CI job: id_tokens: {CELLWALL_ID_TOKEN: {aud: …}}',
    });
  }
  if (audience === undefined || said === audience) return;
  throw new CellwallError('invalid_argument', `the token is not for the audience "${audience}" alone`, {
    hint: 'it was not sent; give the job a token of its own: id_tokens: {CELLWALL_ID_TOKEN: {aud: …}}',
  });
}

function patience(clock: Clock, patienceMs = 30_000): <T>(attempt: () => Promise<T>) => Promise<T> {
  const until = clock.monotonic() + patienceMs;
  return async (attempt) => {
    for (let wait = 200; ; wait = Math.min(5000, 2 * wait)) {
      try {
        return await attempt();
      } catch (reason) {
        if (!isTransient(CellwallError.from(reason)) || clock.monotonic() + wait > until) throw reason;
        await pause(wait);
      }
    }
  };
}

function writeMore(dir: string, svid: StoredSvid, jwt: string | undefined): readonly string[] {
  const path = (name: string): string => join(dir, name);
  if (jwt !== undefined) writeSecretFile(path(names.jwt), jwt);
  // For a shell, which may go to another folder.
  const absolute = (name: string): string => resolve(dir, name);
  const variables = {
    CELLWALL_SPIFFE_ID: svid.spiffeId,
    CELLWALL_SVID_CERTIFICATE: absolute(svidFileNames.chain),
    CELLWALL_SVID_KEY: absolute(svidFileNames.key),
    CELLWALL_SVID_BUNDLE: absolute(svidFileNames.bundle),
    ...(jwt !== undefined && { CELLWALL_JWT_SVID_FILE: absolute(names.jwt) }),
  };
  const lines = Object.entries(variables).map(
    ([name, value]) => `export ${name}='${value.replaceAll("'", `'\\''`)}'\n`,
  );
  writeSecretFile(path(names.env), lines.join(''), 0o644);
  const shown = [...Object.values({ ...svidFileNames, ...splitFileNames }), names.env];
  return [...shown, ...(jwt === undefined ? [] : [names.jwt])].map(path);
}
