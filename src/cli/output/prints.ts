// What a command prints with `-o json`, declared next to the command: docs/cli.md is generated from it, and a test holds every command to
// it.
import type { Command } from 'commander';

/** Top-level fields: of the object, or of each item of the array. */
export type Printed =
  | { readonly kind: 'object' | 'array'; readonly fields: readonly string[]; readonly optional: readonly string[] }
  /** Output with a form of its own, described in words. */
  | { readonly kind: 'other'; readonly what: string }
  | { readonly kind: 'nothing' };

const declared = new WeakMap<Command, Printed>();

/** Declares it; returns the command. */
export function prints(command: Command, printed: Printed): Command {
  declared.set(command, printed);
  return command;
}

/** `fields`, `optional`: names separated by spaces. */
export function object(fields: string, optional = ''): Printed {
  return { kind: 'object', fields: words(fields), optional: words(optional) };
}

export function array(fields: string, optional = ''): Printed {
  return { kind: 'array', fields: words(fields), optional: words(optional) };
}

/** Undefined for a command without a declaration. */
export function printedBy(command: Command): Printed | undefined {
  return declared.get(command);
}

function words(text: string): readonly string[] {
  return text.split(' ').filter((word) => word !== '');
}
