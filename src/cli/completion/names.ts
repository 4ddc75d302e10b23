// Names that a command line can be completed with, from the control plane that it is for. Nobody who types waits for long, or is told of a
// failure: then there are none.
import { Command } from 'commander';
import type { AdminClient } from '../../admin/client.ts';
import { kindNames } from '../../model/documents/kind-names.ts';
import { readContexts } from '../contexts.ts';
import { addConnectionFlags, connect } from '../flags/connection.ts';
import { applyEnvironment } from '../flags/environment.ts';
import type { CliContext } from '../io.ts';

export type NameKind = keyof typeof asked | keyof typeof known;

const limitMs = 1000;
/** A menu is for reading. */
const maxNames = 2000;
/** What a shell would take for more than a word is not offered: names may be chosen by others. */
const harmless = /^[A-Za-z0-9][A-Za-z0-9._~/@:+-]{0,255}$/;

const bare = (id: string): string => id.replace(/^spiffe:\/\//, '');
const services = async (client: AdminClient): Promise<readonly string[]> =>
  (await client.services()).services.map(({ service }) => service);

const asked = {
  service: services,
  caller: async (client) => [...(await services(client)), 'anonymous', 'one-way-tls', 'legacy'],
  cell: async (client) =>
    (await services(client)).flatMap((name) => (name.includes('/') ? [name.slice(0, name.indexOf('/'))] : [])),
  proxy: async (client) => (await client.proxies()).proxies.map(({ node }) => bare(node)),
  host: async (client) => (await client.hosts()).hosts.map(({ nodeKey }) => nodeKey.slice(0, 16)),
  spiffeId: async (client) => (await client.services()).services.map(({ spiffeId }) => spiffeId),
  document: async (client) => [...kindNames, ...(await client.documents()).documents.map(({ key }) => key)],
  waiting: async (client) => (await client.waiting()).waiting.map(({ rev }) => rev),
  joinToken: async (client) => (await client.tokens()).tokens.map(({ id }) => id),
  adminToken: async (client) => (await client.namedTokens()).tokens.map(({ name }) => name),
} satisfies Readonly<Record<string, (client: AdminClient) => Promise<readonly string[]>>>;

const known = {
  context: (io) => [...readContexts(io).contexts.keys()],
  shell: () => ['bash', 'zsh', 'fish'],
} satisfies Readonly<Record<string, (io: CliContext) => readonly string[]>>;

/** `words`: of the command line so far, whose flags say which control plane is meant. Never throws. */
export async function namesOf(io: CliContext, kind: NameKind, words: readonly string[]): Promise<readonly string[]> {
  try {
    const found = kind in known ? knownNames(io, kind) : await askFor(io, kind, words);
    const names = found.filter((name) => typeof name === 'string' && harmless.test(name));
    return [...new Set(names)].slice(0, maxNames);
  } catch {
    return [];
  }
}

function knownNames(io: CliContext, kind: NameKind): readonly string[] {
  return kind === 'context' || kind === 'shell' ? known[kind](io) : [];
}

async function askFor(io: CliContext, kind: NameKind, words: readonly string[]): Promise<readonly string[]> {
  if (kind === 'context' || kind === 'shell') return [];
  const quiet = { writeOut() {}, writeErr() {} };
  const asking = addConnectionFlags(new Command('any')).allowUnknownOption().exitOverride().configureOutput(quiet);
  asking.parseOptions([...words]);
  applyEnvironment(asking, io.env);
  const silent = { ...io, stderr: { write: () => true } };
  const ask = asked[kind];
  const late = new Promise<readonly string[]>((resolve) => setTimeout(resolve, limitMs, []).unref());
  const client = await connect(silent, asking, { timeoutMs: limitMs });
  return Promise.race([ask(client), late]);
}
