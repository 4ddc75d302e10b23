// What may come at the end of a command line that is being typed: commands, flags, their values, names. Read from the catalog, so that a
// new command is completed without a word here.
import type { Command, Option } from 'commander';
import type { NameKind } from './names.ts';

export type Candidates =
  | { readonly kind: 'words'; readonly words: readonly Candidate[] }
  | { readonly kind: 'names'; readonly names: NameKind }
  /** The shell's own. */
  | { readonly kind: 'files' };

export interface Candidate {
  readonly word: string;
  readonly about?: string;
}

/** Of arguments and of values of flags, as the help calls them; what a command means by a word of its own is in front. */
const kinds: Readonly<Record<string, NameKind>> = {
  ...{ service: 'service', target: 'service', caller: 'caller', identity: 'service', proxy: 'proxy', host: 'host' },
  ...{ 'kind/name': 'document', key: 'document', '--cell': 'cell', '--service': 'service', '--spiffe-id': 'spiffeId' },
  ...{ '--node': 'host', '--context': 'context', '--caller': 'caller' },
  ...{ 'context use name': 'context', 'context show name': 'context', 'context remove name': 'context' },
  ...{ 'approve rev': 'waiting', 'reject rev': 'waiting', 'token revoke id': 'joinToken' },
  ...{ 'admin-token revoke name': 'adminToken', 'completion shell': 'shell' },
};
const files = /^(?:file|dir|folder|path|files)$/;
const none: Candidates = { kind: 'words', words: [] };

/** `words`: those after the program's name; the last one is being typed, and may be empty. */
export function candidatesFor(program: Command, words: readonly string[]): Candidates {
  const typed = words.at(-1) ?? '';
  let command = program;
  const operands: string[] = [];
  const given = new Set<string>();
  let pending: Option | undefined;
  for (const word of words.slice(0, -1)) {
    // A shell may cut at "=".
    if (word === '=') continue;
    if (pending !== undefined && !word.startsWith('-')) {
      if (!pending.variadic) pending = undefined;
      continue;
    }
    pending = undefined;
    if (word.startsWith('-')) {
      const [name = '', value] = word.split('=', 2);
      const option = optionsOf(command).find(({ long, short }) => long === name || short === name);
      if (option === undefined) continue;
      given.add(option.long ?? name);
      if (value === undefined && (option.required || option.optional)) pending = option;
      continue;
    }
    if (command === program && word === 'help') continue;
    const below = operands.length === 0 ? command.commands.find((one) => named(one, word)) : undefined;
    if (below === undefined) operands.push(word);
    else command = below;
  }
  if (typed.startsWith('--') && typed.includes('=')) {
    const option = optionsOf(command).find(({ long }) => long === typed.slice(0, typed.indexOf('=')));
    return option === undefined ? none : withPrefix(`${option.long}=`, valuesOf(option));
  }
  if (pending !== undefined && !typed.startsWith('-')) return valuesOf(pending);
  if (typed.startsWith('-')) {
    const flags = optionsOf(command).filter(({ hidden, long }) => !hidden && !given.has(long ?? ''));
    return {
      kind: 'words',
      words: flags.map(({ long, flags: text, description }) => ({ word: long ?? text, about: description })),
    };
  }
  if (command.commands.length > 0 && operands.length === 0) {
    const below = command.commands.map((one) => ({ word: one.name(), about: one.summary() }));
    return {
      kind: 'words',
      words: command === program ? [...below, { word: 'help', about: 'show the help of a command' }] : below,
    };
  }
  return argumentAt(command, operands.length);
}

function argumentAt(command: Command, at: number): Candidates {
  const all = command.registeredArguments;
  const argument = all[at] ?? (all.at(-1)?.variadic === true ? all.at(-1) : undefined);
  if (argument === undefined) return none;
  const name = argument.name();
  if (argument.argChoices !== undefined) return wordsOf(argument.argChoices);
  const kind = kinds[`${fullName(command)} ${name}`] ?? kinds[name];
  if (kind !== undefined) return { kind: 'names', names: kind };
  return files.test(name) ? { kind: 'files' } : none;
}

function valuesOf({ argChoices, long, flags }: Option): Candidates {
  if (argChoices !== undefined) return wordsOf(argChoices);
  if (long === '--output') return wordsOf(['table', 'json', 'yaml', 'wide']);
  const kind = kinds[long ?? ''];
  if (kind !== undefined) return { kind: 'names', names: kind };
  return files.test(/<([a-z]+)/.exec(flags)?.[1] ?? '') ? { kind: 'files' } : none;
}

function withPrefix(prefix: string, found: Candidates): Candidates {
  if (found.kind !== 'words') return found;
  return wordsOf(found.words.map(({ word }) => `${prefix}${word}`));
}

function wordsOf(words: readonly string[]): Candidates {
  return { kind: 'words', words: words.map((word) => ({ word })) };
}

/** Its own, and those that may stand anywhere. */
function optionsOf(command: Command): readonly Option[] {
  const all = [...command.options, ...(command.parent?.options.filter(({ long }) => long === '--output') ?? [])];
  return command.parent?.parent ? [...all, ...outputOfRoot(command)] : all;
}

function outputOfRoot(command: Command): readonly Option[] {
  let root: Command = command;
  while (root.parent !== null) root = root.parent;
  return root.options.filter(({ long }) => long === '--output');
}

function named(command: Command, word: string): boolean {
  return command.name() === word || command.aliases().includes(word);
}

function fullName(command: Command): string {
  const { parent } = command;
  return parent === null || parent.parent === null ? command.name() : `${fullName(parent)} ${command.name()}`;
}
