// What a CI job of GitLab meets: a stand-in for GitLab, which signs its token, and the API that it calls, which knows accounts by tokens
// in a header and nothing of certificates.
import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { type GitlabStandIn, startGitlab } from '../../test/support/gitlab-stand-in.ts';
import { listen } from '../services/stand-in.ts';

export interface Ci {
  readonly gitlab: GitlabStandIn;
  /** The file of `serve --attestors`: which GitLab is believed. */
  readonly attestors: string;
  /** The folder of `serve --credentials`: the token of the account that releases are made with. */
  readonly credentials: string;
  /** The port of the API. */
  readonly api: number;
  /** Tokens that arrived at it. */
  readonly arrived: readonly string[];
}

const account = { name: 'release-bot', token: 'glpat-of-release-bot' } as const;

export async function startCi(folder: string): Promise<Ci> {
  const gitlab = await startGitlab({ folder });
  const arrived: string[] = [];
  const server = createServer(({ headers }, response) => {
    const token = String(headers['private-token'] ?? 'none');
    arrived.push(token);
    response.writeHead(token === account.token ? 200 : 401, { 'content-type': 'application/json' });
    response.end(JSON.stringify(token === account.token ? { account: account.name } : { error: 'who are you?' }));
  });
  const { port: api } = await listen(server);
  const attestors = join(folder, 'attestors.yaml');
  const instance = `{name: gitlab, issuer: "${gitlab.issuer}", audience: cellwall, caFile: "${gitlab.caFile}"}`;
  writeFileSync(attestors, `gitlab-id-token: {instances: [${instance}]}\n`);
  const credentials = join(folder, 'credentials');
  // Of the service that stands for it in the documents, and of no other.
  mkdirSync(join(credentials, 'gitlab-api'), { recursive: true });
  writeFileSync(join(credentials, 'gitlab-api', account.name), account.token, { mode: 0o600 });
  return { gitlab, attestors, credentials, api, arrived };
}
