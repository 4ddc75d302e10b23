// What a command prints with `-o json`, said beside the command: docs/cli.md is made of it, and a test holds every command to it.
import type { Command } from 'commander';

/** Fields are those at the top: of the object, or of each item of the array. */
export type Printed =
  | { readonly kind: 'object' | 'array'; readonly fields: readonly string[]; readonly optional: readonly string[] }
  /** What has a form of its own, told in words. */
  | { readonly kind: 'other'; readonly what: string }
  | { readonly kind: 'nothing' };

const declared = new WeakMap<Command, Printed>();

/** Declares it; answers the command. */
export function prints(command: Command, printed: Printed): Command {
  declared.set(command, printed);
  return command;
}

/** `fields`, `optional`: names, apart by blanks. */
export function object(fields: string, optional = ''): Printed {
  return { kind: 'object', fields: words(fields), optional: words(optional) };
}

export function array(fields: string, optional = ''): Printed {
  return { kind: 'array', fields: words(fields), optional: words(optional) };
}

/** Undefined for a command that nobody declared. */
export function printedBy(command: Command): Printed | undefined {
  return declared.get(command);
}

function words(text: string): readonly string[] {
  return text.split(' ').filter((word) => word !== '');
}
