// Data on stdout, in the format given by -o.
import type { Command } from 'commander';
import { escapeBlock, escapeJson } from '../../lib/escape.ts';
import type { CliIo } from '../io.ts';
import { coloured, hasColour } from './colour.ts';

export type Format = 'table' | 'json' | 'yaml';

export function formatOf(command: Command): Format {
  return readFormat(command.optsWithGlobals()['output']);
}

/** With every column, however long a line gets; only tables that have a short form know the difference. */
export function isWide(command: Command): boolean {
  return command.optsWithGlobals()['output'] === 'wide';
}

/** The same for a command line that could not be parsed. */
export function formatIn(args: readonly string[]): Format {
  const end = args.indexOf('--');
  const text = (end < 0 ? args : args.slice(0, end)).join('\n');
  return readFormat(/^(?:-o|--output)(?:\n|=)?(json|yaml)$/m.exec(text)?.[1]);
}

function readFormat(output: unknown): Format {
  return output === 'json' || output === 'yaml' ? output : 'table';
}

/** `value` for machines, `table` for people; with colours only where the environment is known. */
export async function print(
  io: Pick<CliIo, 'stdout'> & Partial<Pick<CliIo, 'env'>>,
  format: Format,
  { value, table }: { readonly value: unknown; readonly table: () => string },
): Promise<void> {
  switch (format) {
    case 'json': {
      const text: string | undefined = JSON.stringify(value, null, 2);
      if (text === undefined) throw new TypeError('there is nothing to print');
      io.stdout.write(escapeJson(`${text}\n`));
      return;
    }
    case 'yaml': {
      const { safeYaml } = await import('./safe-yaml.ts');
      io.stdout.write(safeYaml(value));
      return;
    }
    case 'table': {
      // Whatever a command forgot.
      const text = escapeBlock(table());
      io.stdout.write(hasColour(io) ? coloured(text) : text);
      return;
    }
    default:
      format satisfies never;
  }
}
