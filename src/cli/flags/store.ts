// Where the documents are kept: flags of `serve`.
import { statSync } from 'node:fs';
import { type Command, Option } from 'commander';
import { CellwallError } from '../../lib/errors.ts';
import type { NamedValues } from '../../lib/named-options.ts';
import { Redacted } from '../../lib/redacted.ts';
import type { ServeOptions } from '../../serve/serve-options.ts';
import { stores } from '../../store/catalog.ts';
import { flag } from './environment.ts';
import { parseNamedOption } from './named-option.ts';
import { seconds } from './number.ts';
import { readSecret } from './secret.ts';

export interface StoreFlags {
  readonly documents?: string;
  readonly store: string;
  readonly storeOption?: NamedValues;
  readonly settleSeconds: number;
  readonly storeSealKey?: string;
  /** Of `serve`: the documents come from there. */
  readonly parent?: string;
  readonly bootstrapSecret?: string;
}

export function addStoreFlags(command: Command): Command {
  return command
    .addOption(
      flag('--documents <dir>', 'the directory of YAML documents', {
        defaultText: 'cellwall, if it exists',
        env: 'CELLWALL_DOCUMENTS',
      }),
    )
    .addOption(
      flag('--settle-seconds <n>', 'how long files must be quiet before documents missing from them are gone', {
        default: 3,
        env: 'CELLWALL_SETTLE_SECONDS',
        parse: seconds,
      }),
    )
    .addOption(
      flag('--store <kind>', 'where documents are kept', {
        env: 'CELLWALL_STORE',
        default: 'directory',
        choices: Object.keys(stores),
      }),
    )
    .addOption(
      new Option('--store-option <name=value...>', 'with --store: options of that kind').argParser(parseNamedOption),
    )
    .addOption(flag('--redis-url <url>', 'with --store redis: its address', { env: 'CELLWALL_REDIS_URL' }))
    .addOption(flag('--redis-url-file <file>', 'a file that contains that address', { env: 'CELLWALL_REDIS_URL_FILE' }))
    .addOption(
      flag('--store-seal-key <file>', 'the key that seals what is in the store, the same for all its control planes', {
        env: 'CELLWALL_STORE_SEAL_KEY',
        defaultText: 'seal.key in its data directory, created at the first start',
      }),
    )
    .addOption(
      flag(
        '--bootstrap-secret <file>',
        "the secret of the deployment: it seals what is in the store, and encrypts the CA's keys there",
        {
          env: 'CELLWALL_BOOTSTRAP_SECRET',
          defaultText: "none: the CA's keys are files of the data directory",
        },
      ),
    );
}

export function storeOf(options: StoreFlags, command: Command): ServeOptions['store'] {
  const { store: kind, storeOption = {} } = options;
  return { kind, options: { ...storeFlags(options, command), ...storeOption } };
}

/** The flags that some stores have in addition to `--store-option`. */
function storeFlags(given: StoreFlags, command: Command): NamedValues {
  const { store, storeOption, documents, settleSeconds, parent } = given;
  const purpose = parent === undefined ? 'put your YAML documents there' : "the parent's documents will be kept there";
  const inDirectory = (path: string): NamedValues => ({ documents: new Redacted(path) });
  switch (store) {
    case 'redis': {
      const url = readSecret(command, 'redisUrl');
      if (url === undefined && storeOption?.['url'] === undefined) {
        return command.error('error: --store redis needs --redis-url', { exitCode: 2 });
      }
      return url === undefined ? {} : { url };
    }
    case 'memory':
      return documents === undefined ? {} : inDirectory(directory(documents, purpose));
    case 'directory': {
      const settle = { 'settle-seconds': new Redacted(String(settleSeconds)) };
      if (documents !== undefined) return { ...inDirectory(directory(documents, purpose)), ...settle };
      if (isDirectory('cellwall')) return { ...inDirectory('cellwall'), ...settle };
      if (storeOption?.['documents'] !== undefined) return settle;
      return command.error(
        `error: no directory of documents: there is no ./cellwall\n  hint: create it, or name another with --documents: ${purpose}`,
        { exitCode: 2 },
      );
    }
    default:
      return {};
  }
}

function directory(path: string, purpose: string): string {
  if (isDirectory(path)) return path;
  throw new CellwallError('not_found', `--documents: ${path} is not a directory`, {
    hint: `create it: ${purpose}`,
  });
}

function isDirectory(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}
