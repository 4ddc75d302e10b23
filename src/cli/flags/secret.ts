// A secret given as `--x`, `--x-file` or their environment variables.
import type { Command } from 'commander';
import { Redacted } from '../../lib/redacted.ts';
import { readFile } from './read-file.ts';

/** The flag, variable or file that a secret comes from. */
export function secretSource(command: Command, name: string): string | undefined {
  const chosen = chosenOption(command, name);
  if (chosen === undefined) return undefined;
  const words = chosen.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
  const variable = `CELLWALL_${words.toUpperCase().replaceAll('-', '_')}`;
  const where = command.getOptionValueSource(chosen) === 'env' ? variable : `--${words}`;
  return chosen === name ? where : `${String(command.opts()[chosen])} (${where})`;
}

/** The value of option `name` or the content of the file in `<name>File`; a flag wins over the environment. */
export function readSecret(command: Command, name: string): Redacted<string> | undefined {
  const chosen = chosenOption(command, name);
  if (chosen === undefined) return undefined;
  const text = String(command.opts()[chosen]);
  if (chosen === name) return new Redacted(text);
  return new Redacted(readFile(text, 'the secret in ').toString('utf8').trim());
}

function chosenOption(command: Command, name: string): string | undefined {
  const options = command.opts();
  const sources = [name, `${name}File`].filter((item) => typeof options[item] === 'string');
  return sources.find((item) => command.getOptionValueSource(item) === 'cli') ?? sources[0];
}
