// The environment of a newcomer: an empty HOME, nothing of this run's npm scripts; the machine's registry settings are kept.
import { copyFileSync, existsSync, mkdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';

export interface CleanEnvironmentOptions {
  /** Becomes HOME; made if missing. */
  readonly home: string;
  /** Folders put first on the PATH. */
  readonly path?: readonly string[];
}

export function cleanEnvironment({ home, path = [] }: CleanEnvironmentOptions): NodeJS.ProcessEnv {
  mkdirSync(home, { recursive: true });
  const env: NodeJS.ProcessEnv = {};
  for (const [name, value] of Object.entries(process.env)) {
    // npm_* describe the npm run that started this; ENVOY_BIN, REDIS_URL and caches would hand over what a newcomer lacks.
    const kept = !/^(npm_(?!config_registry)|ENVOY_BIN$|REDIS_URL$|XDG_|CELLWALL_|VITEST|NODE_|INIT_CWD$)/.test(name);
    if (kept) env[name] = value;
  }
  const inherited = (process.env['PATH'] ?? '').split(delimiter).filter((folder) => !folder.includes('node_modules'));
  env['PATH'] = [...path, ...inherited].join(delimiter);
  env['HOME'] = home;
  for (const file of ['.npmrc', '.pip/pip.conf', '.config/pip/pip.conf']) {
    const own = join(homedir(), file);
    if (!existsSync(own)) continue;
    mkdirSync(join(home, file, '..'), { recursive: true });
    copyFileSync(own, join(home, file));
  }
  return env;
}
